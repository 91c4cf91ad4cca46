// swift-tools-version: 6.3

import PackageDescription

let settings: [SwiftSetting] = [.strictMemorySafety()]

let package = Package(
    name: "swift-reactor",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Reactor", targets: ["Reactor", "ReactorSymbols"]),
        .library(name: "ReactorLogging", targets: ["ReactorLogging"]),
        .library(name: "swiftreactor", type: .dynamic, targets: ["ReactorC"]),
    ],
    traits: [
        .trait(name: "Logging", description: "ReactorLogging: reports go to swift-log, which is fetched for that.")
    ],
    // Neither fetched nor built without the trait.
    dependencies: [.package(url: "https://github.com/apple/swift-log", from: "1.16.0")],
    targets: [
        .systemLibrary(
            name: "CLibev",
            providers: [.apt(["libev-dev"]), .brew(["libev"])]
        ),
        .systemLibrary(name: "CPrefetch"),
        .systemLibrary(name: "CSymbols"),
        .target(name: "CSignals"),
        .target(name: "CTraceback"),
        // What Reactor calls through a header, CSymbols, so that the two are compiled side by side.
        .target(name: "ReactorSymbols", dependencies: ["CSymbols"], swiftSettings: settings),
        .target(
            name: "Reactor",
            dependencies: ["CLibev", "CPrefetch", "CSignals", "CSymbols", "CTraceback"],
            swiftSettings: settings
        ),
        .target(
            name: "ReactorLogging",
            dependencies: [
                "Reactor", "ReactorSymbols",
                .product(name: "Logging", package: "swift-log", condition: .when(traits: ["Logging"])),
            ],
            swiftSettings: settings
        ),
        .systemLibrary(name: "CReactor", path: "include"),
        .target(name: "ReactorC", dependencies: ["CReactor", "Reactor", "ReactorSymbols"], swiftSettings: settings),
        .target(name: "CTestSupport", path: "Tests/CTestSupport"),
        .testTarget(
            name: "ReactorTests",
            dependencies: ["Reactor", "ReactorSymbols", "CTestSupport"],
            swiftSettings: settings
        ),
        // Without strict memory safety: they are C programs in Swift, where every call would be marked.
        .testTarget(name: "ReactorCTests", dependencies: ["ReactorC", "CReactor", "CTestSupport"]),
    ],
    swiftLanguageModes: [.v6]
)
