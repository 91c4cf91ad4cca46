// swift-tools-version: 6.3

import PackageDescription

// A package of its own, which asks for the trait as a stranger's would: the reactor's own tests build without swift-log.
let package = Package(
    name: "LoggingTests",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "swift-reactor", path: "../..", traits: ["Logging"]),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    ],
    targets: [
        .testTarget(
            name: "ReactorLoggingTests",
            dependencies: [
                .product(name: "Reactor", package: "swift-reactor"),
                .product(name: "ReactorLogging", package: "swift-reactor"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: [.strictMemorySafety()]
        )
    ],
    swiftLanguageModes: [.v6]
)
