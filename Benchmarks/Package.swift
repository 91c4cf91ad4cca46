// swift-tools-version: 6.3

import PackageDescription

let package = Package(
    name: "benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "swift-reactor", path: ".."),
        .package(name: "round", path: "Round"),
    ],
    targets: [
        .executableTarget(
            name: "bench-reactor",
            dependencies: [
                .product(name: "Round", package: "round"),
                .product(name: "Reactor", package: "swift-reactor"),
            ]
        ),
        .executableTarget(name: "bench-dispatch", dependencies: [.product(name: "Round", package: "round")]),
    ],
    swiftLanguageModes: [.v6]
)
