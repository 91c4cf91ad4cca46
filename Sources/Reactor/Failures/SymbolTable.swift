/// Names, files and lines for the addresses of tracebacks. What was looked up is kept: a callback that fails again fails
/// at the same place as a rule.
final class SymbolTable: Sendable {
    static let shared = SymbolTable()

    private struct Known {
        let addresses: [UInt]
        let frames: [Traceback.Frame]
    }

    private let known = ThreadLock<[Known]>([])

    func frames(of addresses: [UInt]) -> [Traceback.Frame] {
        if let known = known.withLock({ $0.first { $0.addresses == addresses } }) { return known.frames }
        let frames = SymbolLookUp.frames(of: addresses)
        known.withLock { known in
            if known.count >= 256 { known.removeAll() }
            known.append(Known(addresses: addresses, frames: frames))
        }
        return frames
    }
}
