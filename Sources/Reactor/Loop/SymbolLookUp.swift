import CSymbols

/// The names of what is at an address, as the module ReactorSymbols finds them: through C, so that nobody has to wait until it is
/// compiled.
enum SymbolLookUp {
    /// Of these return addresses, innermost first, those of functions that were inlined there as well.
    static func frames(of addresses: [UInt]) -> [Traceback.Frame] {
        var frames: [Traceback.Frame] = []
        unsafe withUnsafeMutablePointer(to: &frames) { frames in
            unsafe csymbols_look_up(addresses, addresses.count.asInt32, frames) { context, symbol in
                guard let context = unsafe context, let symbol = unsafe symbol else { return }
                let frames = unsafe context.assumingMemoryBound(to: [Traceback.Frame].self)
                unsafe frames.pointee.append(Traceback.Frame(symbol.pointee))
            }
        }
        return frames
    }
}

extension Traceback.Frame {
    fileprivate init(_ symbol: csymbols_symbol) {
        unsafe function = symbol.function.map { unsafe String(cString: $0) }
        unsafe path = symbol.path.map { unsafe String(cString: $0) }
        unsafe image = symbol.image.map { unsafe String(cString: $0) }
        line = unsafe symbol.line > 0 ? unsafe symbol.line : nil
        origin =
            switch unsafe symbol.origin.asInt {
            case csymbols_program: .program
            case csymbols_reactor: .reactor
            default: .runtime
            }
    }
}
