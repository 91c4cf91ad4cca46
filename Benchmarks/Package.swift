// swift-tools-version: 6.3

import PackageDescription

let package = Package(
    name: "benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "swift-reactor", path: "..")],
    targets: [
        .systemLibrary(name: "CRound", path: "Round"),
        .executableTarget(
            name: "bench-reactor",
            dependencies: ["CRound", .product(name: "Reactor", package: "swift-reactor")]
        ),
    ],
    swiftLanguageModes: [.v6]
)
