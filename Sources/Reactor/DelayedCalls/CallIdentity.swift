/// What a delayed call is known as: how long after it was asked for it is made or, where it has a name, that.
///
/// One word that the compiler does not count references to. Hardly a call has a name, and an optional reference beside
/// the callback's makes each of a million dearer by 77 instructions, a tenth of what it costs. So whoever takes a call out
/// of the queue has to call `end`.
@safe struct CallIdentity {
    /// A delay of less than 292 years, or the name's address, which has this bit set in addition.
    private var bits: UInt64
    private static let isNamed: UInt64 = 1 << 63

    @inline(__always)
    init(delay: UInt64, name: CallName? = nil) {
        bits = min(delay, ~Self.isNamed)
        if let name { setName(name) }
    }

    private var name: CallName? {
        guard bits & Self.isNamed != 0 else { return nil }
        let address = unsafe UnsafeRawPointer(bitPattern: UInt(bits & ~Self.isNamed))
        return unsafe address.map { unsafe Unmanaged<CallName>.fromOpaque($0).takeUnretainedValue() }
    }

    private mutating func setName(_ name: CallName) {
        name.delay = bits
        bits = unsafe UInt64(UInt(bitPattern: Unmanaged.passRetained(name).toOpaque())) | Self.isNamed
    }

    /// How long after it was asked for, in nanoseconds.
    var delay: UInt64 { name?.delay ?? bits }

    var kind: CallbackKind { name?.kind ?? .delayedCall(after: Duration(wholeNanoseconds: delay)) }

    var label: String? {
        get { name?.label }
        set {
            if let name { name.label = newValue } else { setName(CallName(label: newValue)) }
        }
    }

    /// Releases the name. The call is over, and nobody asks for it any more.
    @inline(__always)
    func end() {
        if bits & Self.isNamed != 0 { releaseName() }
    }

    @inline(never)
    private func releaseName() {
        if let name { unsafe Unmanaged.passUnretained(name).release() }
    }
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
