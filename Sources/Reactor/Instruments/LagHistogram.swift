/// How often which length of time was measured, to an eighth of its size, in a fixed amount of memory.
public struct LagHistogram: Sendable {
    private var counts = [UInt64](repeating: 0, count: 62 * 8)
    /// How many lengths were measured.
    public private(set) var count: UInt64 = 0
    /// The longest.
    public private(set) var maximum = Duration.zero

    mutating func add(_ length: Duration) {
        counts[Self.bucket(length.nanosecondsRoundedUp)] += 1
        count += 1
        maximum = max(maximum, length)
    }

    /// The length that so large a part of them does not exceed, from 0 to 1: the upper end of its bucket. What is no
    /// number counts as zero.
    public func quantile(_ part: Double) -> Duration {
        let part = part.isNaN ? 0 : part
        let rank = max(1, UInt64((Double(count) * min(max(part, 0), 1)).rounded(.up)))
        var seen: UInt64 = 0
        for (bucket, number) in counts.enumerated() {
            seen += number
            if seen >= rank, number > 0 { return min(Duration(wholeNanoseconds: Self.upperEnd(bucket)), maximum) }
        }
        return .zero
    }

    /// Below eight each number has one of its own; from then on each power of two has eight.
    private static func bucket(_ nanoseconds: UInt64) -> Int {
        guard nanoseconds >= 8 else { return nanoseconds.asInt }
        let exponent = 63 - nanoseconds.leadingZeroBitCount
        return min((exponent - 2) * 8 + (nanoseconds &>> (exponent - 3).asUInt64 & 7).asInt, 62 * 8 - 1)
    }

    private static func upperEnd(_ bucket: Int) -> UInt64 {
        guard bucket >= 8 else { return bucket.asUInt64 }
        let shift = (bucket / 8 - 1).asUInt64
        return ((8 + bucket % 8).asUInt64 &<< shift) | ((1 &<< shift) - 1)
    }
}
