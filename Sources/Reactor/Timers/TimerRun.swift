/// Timers in the order in which they are to be fired: sorted when that is asked for, from what was appended.
struct TimerRun {
    /// It speaks of the timer in its slot as long as their orders are the same.
    struct Entry {
        let deadline: UInt64
        let order: UInt64
        let index: UInt32

        @inline(__always)
        static func isBefore(_ left: Entry, _ right: Entry) -> Bool {
            left.deadline != right.deadline ? left.deadline < right.deadline : left.order < right.order
        }
    }

    private(set) var entries: [Entry] = []
    /// So many of them, from the first on, are sorted.
    private var sorted = 0

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }

    @inline(__always)
    mutating func append(_ entry: Entry) { entries.append(entry) }

    /// Takes over all of `other`.
    mutating func append(_ other: inout TimerRun) {
        entries.append(contentsOf: other.entries)
        other.removeAll()
    }

    /// Drops the first `number` of a sorted run.
    mutating func dropFirst(_ number: Int) {
        if number == count { return removeAll() }
        entries.removeSubrange(..<number)
        sorted = count
    }

    /// Sorts what was appended since the last time into the rest; as a rule it all comes after that.
    @inline(__always)
    mutating func sort() {
        if sorted < entries.count { sortAppended() }
    }

    @inline(never)
    private mutating func sortAppended() {
        let sorted = sorted
        unsafe entries.withUnsafeMutableBufferPointer { entries in
            let appended = unsafe UnsafeMutableBufferPointer(rebasing: entries[sorted...])
            if unsafe !Self.isSorted(appended) { unsafe TimerSort.sort(appended) }
            if sorted > 0, unsafe Entry.isBefore(entries[sorted], entries[sorted - 1]) {
                unsafe Self.merge(entries, from: sorted)
            }
        }
        self.sorted = entries.count
    }

    /// Merges the sorted entries from `middle` on into the sorted ones before, from the last one back: what comes before all
    /// of them stays where it is.
    private static func merge(_ entries: UnsafeMutableBufferPointer<Entry>, from middle: Int) {
        let appended = unsafe Array(entries[middle...])
        var left = middle
        var right = appended.count
        while right > 0 {
            if left > 0, unsafe Entry.isBefore(appended[right - 1], entries[left - 1]) {
                left -= 1
                unsafe entries[left + right] = unsafe entries[left]
            } else {
                right -= 1
                unsafe entries[left + right] = appended[right]
            }
        }
    }

    private static func isSorted(_ entries: UnsafeMutableBufferPointer<Entry>) -> Bool {
        for position in entries.indices.dropFirst()
        where unsafe Entry.isBefore(entries[position], entries[position - 1]) {
            return false
        }
        return true
    }

    /// Keeps those for which `isCurrent` is true, in their order.
    mutating func keep(where isCurrent: (Entry) -> Bool) {
        var kept = TimerRun()
        for (position, entry) in entries.enumerated() where isCurrent(entry) {
            kept.entries.append(entry)
            if position < sorted { kept.sorted += 1 }
        }
        self = kept
    }

    /// Drops all of them, and the memory of a large run too.
    mutating func removeAll() {
        entries.removeAll(keepingCapacity: entries.capacity <= 4_096)
        sorted = 0
    }
}
