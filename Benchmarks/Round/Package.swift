// swift-tools-version: 6.3

import PackageDescription

let package = Package(
    name: "round",
    platforms: [.macOS(.v15)],
    products: [.library(name: "Round", targets: ["Round"])],
    targets: [
        .systemLibrary(name: "CRound"),
        .target(name: "Round", dependencies: ["CRound"]),
    ],
    swiftLanguageModes: [.v6]
)
