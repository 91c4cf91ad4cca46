/// The instruments of one reactor, and how they are told.
final class Instruments {
    private(set) var all: [any ReactorInstrument] = []
    private var isTelling = false

    func add(_ instrument: any ReactorInstrument) {
        if !all.contains(where: { $0 === instrument }) { all.append(instrument) }
    }

    func remove(_ instrument: any ReactorInstrument) { all = all.filter { $0 !== instrument } }

    /// Tells each. One that throws is removed, and is given to `failed`. Nothing is told while one is being told
    /// something: what an instrument makes the reactor do would be told to it, for ever.
    func tell(
        _ message: InstrumentMessage,
        failed: (any ReactorInstrument, any Error) -> Void
    ) {
        guard !isTelling else { return }
        isTelling = true
        defer { isTelling = false }
        for instrument in all where all.contains(where: { $0 === instrument }) {
            do {
                try message.tell(instrument)
            } catch {
                remove(instrument)
                failed(instrument, error)
            }
        }
    }
}

/// What an instrument can be told.
enum InstrumentMessage {
    case waitBegan(ReactorInstant)
    case waitEnded(ReactorInstant)
    case callbackBegan(CallbackRun)
    case callbackEnded(CallbackRun, ReactorInstant)
    case callbackFailed(CallbackFailure)

    func tell(_ instrument: any ReactorInstrument) throws {
        switch self {
        case .waitBegan(let time): try instrument.waitBegan(at: time)
        case .waitEnded(let time): try instrument.waitEnded(at: time)
        case .callbackBegan(let run): try instrument.callbackBegan(run)
        case .callbackEnded(let run, let time): try instrument.callbackEnded(run, at: time)
        case .callbackFailed(let failure): try instrument.callbackFailed(failure)
        }
    }
}
