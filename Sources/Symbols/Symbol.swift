#if canImport(Runtime) && os(Linux)
    internal import Runtime
#endif

/// What is known of the code at an address: as the Swift runtime's own crash reporter finds it.
///
/// A module of its own, so that it is compiled beside the reactor and not before or after it.
package struct Symbol: Sendable {
    /// Whose code it is.
    package enum Origin: Sendable { case program, reactor, runtime }

    /// Of the function; nil where the program does not tell.
    package let function: String?
    package let path: String?
    package let line: Int?
    /// The program or the library that it is part of.
    package let image: String?
    package let origin: Origin
}

extension Symbol {
    #if canImport(Runtime) && os(Linux)
        /// Of each of these return addresses, and of the functions that were inlined there, in the same order.
        package static func lookUp(_ addresses: [UInt]) -> [Symbol] {
            guard let architecture = try? Backtrace.capture(limit: 1).architecture,
                let backtrace = try? Backtrace(from: AddressDecoder(architecture: architecture, addresses: addresses)),
                let symbolicated = backtrace.symbolicated(with: ImageMap.capture())
            else { return addresses.map { _ in .unknown } }
            return symbolicated.frames.compactMap { frame in
                // Swift appends a null frame as an end mark.
                frame.symbol == nil && frame.captured.originalProgramCounter.isNull ? nil : Symbol(frame)
            }
        }
    #else
        // There is a Runtime module from macOS 26 on only.
        package static func lookUp(_ addresses: [UInt]) -> [Symbol] { addresses.map { _ in .unknown } }
    #endif

    private static let unknown = Self(function: nil, path: nil, line: nil, image: nil, origin: .runtime)

    /// The folder of our own sources, as the compiler writes it into the debug information.
    private static let sources = #filePath.dropLast("Symbols/Symbol.swift".count)

    #if canImport(Runtime) && os(Linux)
        private init(_ frame: SymbolicatedBacktrace.Frame) {
            guard let symbol = frame.symbol else {
                self = .unknown
                return
            }
            let location = symbol.sourceLocation.flatMap { $0.line > 0 ? $0 : nil }
            function = symbol.rawName == "<unknown>" ? nil : Self.readable(symbol.name)
            path = location?.path
            line = location?.line
            image = symbol.imageName
            // Functions of the same machine code are merged into one (Tm) of no name and line of its own.
            let isGlue =
                frame.isSwiftThunk || frame.isSwiftRuntimeFailure || symbol.name.hasPrefix("@objc ")
                || symbol.name.hasPrefix("partial apply for ") || symbol.rawName.hasSuffix("Tm")
            let isOfSwift = symbol.imageName.hasPrefix("libswift") || symbol.rawName.hasPrefix("$ss")
            let isUnknownC = location == nil && !symbol.rawName.hasPrefix("$s")
            // A method that the program has added to a type of ours has our module's name as well.
            let isOurs = symbol.rawName.hasPrefix("$s7Reactor") && path?.contains("Sources/Reactor/") != false
            if isOurs || path?.hasPrefix(Self.sources) == true {
                origin = .reactor
            } else if isGlue || frame.isSystem || isUnknownC || isOfSwift {
                origin = .runtime
            } else {
                origin = .program
            }
        }
    #endif

    /// What the compiler says of how it made a function is of no use here, and top-level code has no name.
    private static func readable(_ name: String) -> String {
        var name = name[...]
        for prefix in ["specialized ", "merged ", "generic "] where name.hasPrefix(prefix) {
            name = name.dropFirst(prefix.count)
        }
        if name.hasSuffix(" in ") { return name + "main" }
        return name.hasSuffix("_main") ? "main" : String(name)
    }
}
