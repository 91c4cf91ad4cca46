// swift-tools-version: 6.3

import PackageDescription

let package = Package(
    name: "minimal",
    platforms: [.macOS(.v15)],
    dependencies: [.package(url: "https://github.com/apple/swift-nio", from: "2.101.0")],
    targets: [
        .executableTarget(name: "minimal", dependencies: [.product(name: "NIOPosix", package: "swift-nio")])
    ]
)
