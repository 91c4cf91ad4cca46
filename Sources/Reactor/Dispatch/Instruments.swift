/// The instruments of one reactor, and how they are told.
final class Instruments {
    private(set) var all: [any ReactorInstrument] = []
    private var isTelling = false

    func add(_ instrument: any ReactorInstrument) {
        if !all.contains(where: { $0 === instrument }) { all.append(instrument) }
    }

    func remove(_ instrument: any ReactorInstrument) { all.removeAll { $0 === instrument } }

    /// Tells each. One that throws is removed, and is given to `failed`. Nothing is told while one is being told
    /// something: what an instrument makes the reactor do would be told to it, for ever.
    func tell(
        _ message: (any ReactorInstrument) throws -> Void,
        failed: (any ReactorInstrument, any Error) -> Void
    ) {
        guard !isTelling else { return }
        isTelling = true
        defer { isTelling = false }
        for instrument in all {
            do {
                try message(instrument)
            } catch {
                remove(instrument)
                failed(instrument, error)
            }
        }
    }
}
