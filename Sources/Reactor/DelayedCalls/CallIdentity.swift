/// What a delayed call is known as: its delay or, where somebody has given it one, a name that has the delay, too. Whoever
/// takes a call out of the queue has to call `end`.
struct CallIdentity {
    private var delayOrName: NumberOrObject<CallName>

    @inline(__always)
    init(delay: UInt64, name: CallName? = nil) {
        delayOrName = NumberOrObject(delay)
        if let name { setName(name) }
    }

    private mutating func setName(_ name: CallName) {
        name.delay = delay
        delayOrName = NumberOrObject(name)
    }

    /// How long after it was asked for it is made, in nanoseconds, up to 292 years.
    var delay: UInt64 { delayOrName.number ?? delayOrName.object?.delay ?? 0 }

    var kind: CallbackKind {
        delayOrName.object?.kind ?? .delayedCall(after: Duration(wholeNanoseconds: delay))
    }

    var label: String? {
        get { delayOrName.object?.label }
        set {
            if let name = delayOrName.object { name.label = newValue } else { setName(CallName(label: newValue)) }
        }
    }

    /// Lets go of the name. The call is over, and nobody asks for it any more.
    @inline(__always)
    func end() { delayOrName.release() }
}

/// What a delayed call has been named, or each call of a looping call.
final class CallName {
    /// What it is in truth; nil for a delayed call.
    var kind: CallbackKind?
    var label: String?
    fileprivate var delay: UInt64 = 0

    init(kind: CallbackKind? = nil, label: String? = nil) {
        self.kind = kind
        self.label = label
    }
}
