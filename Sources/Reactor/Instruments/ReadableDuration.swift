extension Duration {
    /// For a person: three digits that count, and a unit. `120 ms`, `1.50 s`, `75.3 µs`.
    var readable: String {
        let nanoseconds = nanosecondsRoundedUp
        for (unit, size) in [("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1_000)] as [(String, UInt64)]
        where nanoseconds >= size {
            let whole = nanoseconds / size
            let thousandths = nanoseconds % size * 1_000 / size
            if whole >= 100 { return "\(whole) \(unit)" }
            let digits = String(thousandths + 1_000).dropFirst()
            return "\(whole).\(digits.prefix(whole >= 10 ? 1 : 2)) \(unit)"
        }
        return "\(nanoseconds) ns"
    }

    /// What an operator writes: `50ms`, `1.5s`, `200us`. Nil where it is not that.
    init?(readable text: String) {
        let units = [("ms", 1_000_000), ("us", 1_000), ("µs", 1_000), ("ns", 1), ("s", 1_000_000_000)]
        for (unit, size) in units where text.hasSuffix(unit) {
            guard let number = Double(text.dropLast(unit.count)), number > 0, number < 1e9 else { return nil }
            self = .nanoseconds(Int64(number * Double(size)))
            return
        }
        return nil
    }
}
