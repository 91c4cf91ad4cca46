/// Sorts the entries of a tick, in place.
///
/// Orders are unique, so that the sort need not be stable, as the standard library's is: that one merges through a buffer,
/// and took a third of the instructions of a timer's whole life. An introsort: a quicksort, with an insertion sort for short
/// stretches and a heap sort for what divides badly.
enum TimerSort {
    typealias Entry = TimerRun.Entry
    typealias Entries = UnsafeMutableBufferPointer<Entry>

    private static var shortest: Int { 16 }

    static func sort(_ entries: Entries) {
        unsafe sort(entries, depth: 2 * (Int.bitWidth - entries.count.leadingZeroBitCount))
    }

    private static func sort(_ entries: Entries, depth: Int) {
        var entries = unsafe entries
        var depth = depth
        while entries.count > shortest {
            guard depth > 0 else { return unsafe heapSort(entries) }
            depth -= 1
            let (left, right) = unsafe partition(entries)
            // The longer part in this loop, so that the stack stays short.
            let isLeftShorter = left < entries.count - right
            let lower = unsafe Entries(rebasing: entries[..<left])
            let upper = unsafe Entries(rebasing: entries[right...])
            unsafe sort(isLeftShorter ? lower : upper, depth: depth)
            unsafe entries = isLeftShorter ? upper : lower
        }
        unsafe insertionSort(entries)
    }

    /// Moves what comes before a pivot, the median of three, in front of what comes after it; where the first part ends, and
    /// where the second begins.
    @inline(__always)
    private static func partition(_ entries: Entries) -> (Int, Int) {
        let middle = entries.count / 2
        let last = entries.count - 1
        if unsafe Entry.isBefore(entries[middle], entries[0]) { unsafe entries.swapAt(middle, 0) }
        if unsafe Entry.isBefore(entries[last], entries[middle]) {
            unsafe entries.swapAt(last, middle)
            if unsafe Entry.isBefore(entries[middle], entries[0]) { unsafe entries.swapAt(middle, 0) }
        }
        let pivot = unsafe entries[middle]
        var left = 0
        var right = last
        while left <= right {
            while unsafe Entry.isBefore(entries[left], pivot) { left += 1 }
            while unsafe Entry.isBefore(pivot, entries[right]) { right -= 1 }
            if left <= right {
                unsafe entries.swapAt(left, right)
                left += 1
                right -= 1
            }
        }
        return (right + 1, left)
    }

    private static func heapSort(_ entries: Entries) {
        for root in (0..<entries.count / 2).reversed() { unsafe sink(root, in: entries, count: entries.count) }
        for last in (1..<entries.count).reversed() {
            unsafe entries.swapAt(0, last)
            unsafe sink(0, in: entries, count: last)
        }
    }

    /// Restores the heap's order among the first `count` where the one at `root` may come before its children.
    private static func sink(_ root: Int, in entries: Entries, count: Int) {
        var parent = root
        while 2 * parent + 1 < count {
            var child = 2 * parent + 1
            if child + 1 < count, unsafe Entry.isBefore(entries[child], entries[child + 1]) { child += 1 }
            guard unsafe Entry.isBefore(entries[parent], entries[child]) else { return }
            unsafe entries.swapAt(parent, child)
            parent = child
        }
    }

    @inline(__always)
    private static func insertionSort(_ entries: Entries) {
        var next = 1
        while next < entries.count {
            let entry = unsafe entries[next]
            var hole = next
            while hole > 0, unsafe Entry.isBefore(entry, entries[hole - 1]) {
                unsafe entries[hole] = unsafe entries[hole - 1]
                hole -= 1
            }
            unsafe entries[hole] = entry
            next += 1
        }
    }
}
