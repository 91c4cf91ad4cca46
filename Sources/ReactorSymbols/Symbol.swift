// swift-format-ignore-file: AlwaysUseLowerCamelCase
internal import CSymbols

#if canImport(Runtime) && os(Linux)
    internal import Runtime
#endif

/// What is known of the code at an address: as the Swift runtime's own crash reporter finds it.
struct Symbol {
    /// Of the function; nil where the program does not tell.
    let function: String?
    let path: String?
    let line: Int?
    /// The program or the library that it is part of.
    let image: String?
    let origin: Int
}

/// What the header of CSymbols declares.
@c @implementation
func csymbols_look_up(
    _ addresses: UnsafePointer<UInt>?,
    _ count: CInt,
    _ context: UnsafeMutableRawPointer?,
    _ found: csymbols_found?
) {
    let addresses = unsafe Array(UnsafeBufferPointer(start: addresses, count: Int(count)))
    for symbol in Symbol.lookUp(addresses) {
        unsafe symbol.function.withCString { function in
            unsafe symbol.path.withCString { path in
                unsafe symbol.image.withCString { image in
                    var symbol = unsafe csymbols_symbol(
                        function: function,
                        path: path,
                        image: image,
                        line: symbol.line ?? 0,
                        origin: CInt(symbol.origin)
                    )
                    unsafe found?(context, &symbol)
                }
            }
        }
    }
}

extension String? {
    /// With NULL for nil.
    fileprivate func withCString(_ body: (UnsafePointer<CChar>?) -> Void) {
        if let self { unsafe self.withCString(body) } else { body(nil) }
    }
}

extension Symbol {
    #if canImport(Runtime) && os(Linux)
        /// Of each of these return addresses, and of the functions that were inlined there, in the same order.
        static func lookUp(_ addresses: [UInt]) -> [Symbol] {
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
        static func lookUp(_ addresses: [UInt]) -> [Symbol] { addresses.map { _ in .unknown } }
    #endif

    private static let unknown = Self(function: nil, path: nil, line: nil, image: nil, origin: csymbols_runtime)

    /// The folder of our own sources, as the compiler writes it into the debug information.
    private static let sources = #filePath.dropLast("ReactorSymbols/Symbol.swift".count)

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
                origin = csymbols_reactor
            } else if isGlue || frame.isSystem || isUnknownC || isOfSwift {
                origin = csymbols_runtime
            } else {
                origin = csymbols_program
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
