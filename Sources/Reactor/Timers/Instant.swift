/// A point in time of a reactor's monotonic clock, which never jumps and has no date.
///
/// Met as `Reactor.Instant`. Only instants of one boot of one machine can be compared.
public struct ReactorInstant: InstantProtocol, Hashable, Sendable, CustomStringConvertible {
    /// Since an unspecified start, on Linux the boot of the machine.
    public let nanoseconds: UInt64

    /// The instant that lies this many nanoseconds after the clock's start.
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// The instant that is no call's deadline: one that far off is never reached.
    public static let never = ReactorInstant(nanoseconds: .max)

    /// Saturates at `never` and at the clock's start.
    public func advanced(by duration: Duration) -> ReactorInstant {
        let (nanoseconds, isNegative) = duration.wholeNanoseconds
        if isNegative {
            return ReactorInstant(nanoseconds: self.nanoseconds > nanoseconds ? self.nanoseconds - nanoseconds : 0)
        }
        let (sum, overflow) = self.nanoseconds.addingReportingOverflow(nanoseconds)
        return overflow ? .never : ReactorInstant(nanoseconds: sum)
    }

    /// How long it is from here to `other`; negative where `other` is earlier.
    public func duration(to other: ReactorInstant) -> Duration {
        other >= self
            ? Duration(wholeNanoseconds: other.nanoseconds - nanoseconds)
            : .zero - Duration(wholeNanoseconds: nanoseconds - other.nanoseconds)
    }

    /// Whether `left` comes before `right`.
    public static func < (left: ReactorInstant, right: ReactorInstant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The seconds since the clock's start.
    public var description: String { Duration(wholeNanoseconds: nanoseconds).description }
}

extension Duration {
    init(wholeNanoseconds nanoseconds: UInt64) {
        self.init(
            secondsComponent: Int64(nanoseconds / 1_000_000_000),
            attosecondsComponent: Int64(nanoseconds % 1_000_000_000) * 1_000_000_000
        )
    }

    /// The length in nanoseconds, rounded up (a negative one towards zero), so that nothing comes early.
    fileprivate var wholeNanoseconds: (UInt64, isNegative: Bool) {
        let attoseconds = self.attoseconds
        if attoseconds >= 0 { return (nanosecondsRoundedUp, false) }
        return (UInt64(clamping: attoseconds.magnitude / 1_000_000_000), true)
    }

    /// Zero where negative, `UInt64.max` where longer than 584 years.
    @inline(__always)
    var nanosecondsRoundedUp: UInt64 {
        let attoseconds = self.attoseconds
        guard attoseconds > 0 else { return 0 }
        // A division of 128 bits takes longer than all the rest of a callLater. Up to two hours, dropping nine bits
        // first (10^9 is 2^9 times 5^9) makes it one of 64 bits, with the same result.
        if attoseconds < 1 << 72 {
            return (UInt64(truncatingIfNeeded: (attoseconds &+ 999_999_999) >> 9)) / 1_953_125
        }
        return UInt64(clamping: (attoseconds - 1) / 1_000_000_000 + 1)
    }
}
