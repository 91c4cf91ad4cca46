import Testing

@testable import Reactor

/// The sort of a tick's timers, against the standard library's.
@Suite struct TimersOfOneTickAreSorted {
    enum Shape: CaseIterable {
        case random, ascending, descending, organPipe, sawTooth, equalDeadlines, fewDeadlines, medianOfThreeKiller

        func deadlines(_ count: Int) -> [UInt64] {
            var dice = SplitMix(state: UInt64(count))
            return (0..<count).map { position in
                switch self {
                case .random: dice.next()
                case .ascending: UInt64(position)
                case .descending: UInt64(count - position)
                case .organPipe: UInt64(min(position, count - position))
                case .sawTooth: UInt64(position % 17)
                case .equalDeadlines: 7
                case .fewDeadlines: dice.next() % 3
                // Each median of three is among the smallest that are left.
                case .medianOfThreeKiller:
                    position % 2 == 0 || position > count / 2 ? UInt64(position) : UInt64(count / 2 + position)
                }
            }
        }
    }

    @Test(arguments: Shape.allCases)
    func anyNumberOfTimersInAnyOrderIsSorted(_ shape: Shape) {
        for count in Array(0...70) + [255, 1_000, 30_000] {
            let entries = shape.deadlines(count).enumerated().map { position, deadline in
                // Orders of their own, not in the order of the positions.
                TimerRun.Entry(
                    deadline: deadline,
                    order: UInt64(position) &* 0x9E37_79B9 & 0xFFFF_FFFF,
                    index: UInt32(position)
                )
            }
            var sorted = entries
            unsafe sorted.withUnsafeMutableBufferPointer { unsafe TimerSort.sort($0) }
            #expect(sorted.map(\.index) == entries.sorted(by: TimerRun.Entry.isBefore).map(\.index))
        }
    }

    private struct SplitMix {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            let mixed = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
            return mixed ^ mixed >> 27
        }
    }
}
