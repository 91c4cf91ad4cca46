// swift-tools-version: 6.3

import PackageDescription

// A package of its own: whoever links the reactor builds nothing of it.
let package = Package(
    name: "Tools",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
    ],
    targets: [
        .executableTarget(
            name: "reactor-timeline",
            dependencies: [.product(name: "ArgumentParser", package: "swift-argument-parser")]
        ),
        .testTarget(name: "TimelineTests", dependencies: ["reactor-timeline"]),
    ],
    swiftLanguageModes: [.v6]
)
