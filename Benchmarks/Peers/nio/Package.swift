// swift-tools-version: 6.3

import PackageDescription

// In Swift 5 mode, because all happens on one loop's thread, which the compiler does not see.
let package = Package(
    name: "bench-nio",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "round", path: "../../Round"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    ],
    targets: [
        .executableTarget(
            name: "bench-nio",
            dependencies: [
                .product(name: "Round", package: "round"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]
        )
    ],
    swiftLanguageModes: [.v5]
)
