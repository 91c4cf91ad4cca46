// swift-tools-version: 6.3

import PackageDescription

let basic: [Target.Dependency] = [
    .product(name: "Reactor", package: "swift-reactor"),
    "Console",
]
let withOptions: [Target.Dependency] =
    basic + [
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        "Descriptors",
        "Options",
    ]

let package = Package(
    name: "Examples",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "swift-reactor", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.5.0"),
    ],
    targets: [
        .executableTarget(name: "simple", dependencies: basic),
        .executableTarget(name: "simple-poll", dependencies: basic),
        .executableTarget(name: "hello", dependencies: basic),
        .executableTarget(name: "stack", dependencies: basic),
        .executableTarget(name: "countdown", dependencies: basic),
        .executableTarget(name: "exception", dependencies: basic),
        .executableTarget(name: "trouble", dependencies: basic),
        .executableTarget(
            name: "metrics",
            dependencies: basic + [.product(name: "Metrics", package: "swift-metrics")]
        ),
        .executableTarget(name: "three-countdowns", dependencies: basic),
        .executableTarget(name: "countdown-looping", dependencies: basic),
        .executableTarget(name: "copy", dependencies: withOptions),
        .executableTarget(name: "slow-poetry", dependencies: withOptions),
        .executableTarget(name: "get-poetry", dependencies: withOptions),

        // What the programs share, and what has little to do with the reactor.
        .target(name: "Console"),
        .target(name: "Descriptors"),
        .target(
            name: "Options",
            dependencies: [.product(name: "ArgumentParser", package: "swift-argument-parser"), "Console"]
        ),
    ],
    swiftLanguageModes: [.v6]
)
