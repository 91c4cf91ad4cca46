import Testing

@testable import Reactor

/// `ChunkedQueue`: order across its chunks, and what becomes of them and of the elements.
@Suite struct QueuesInChunks {
    private let chunk = ChunkedQueue<Int>.chunkSize
    private let mostSpares = ChunkedQueue<Int>.mostSpares

    @Test func whatGoesInComesOutInOrderAcrossChunks() {
        for count in [0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk, 3 * chunk + 1] {
            let queue = Numbers(0..<count)
            #expect(queue.count == count)
            #expect(queue.pop() == Array(0..<count))
            #expect(queue.isEmpty)
        }
    }

    @Test func whatIsAddedBetweenIsBehindTheRest() {
        let queue = Numbers()
        var generator = SplitMix64(seed: 1)
        var added = 0
        var taken = 0
        while taken < 20 * chunk {
            let more = generator.below(2 * chunk)
            queue.append(added..<added + more)
            added += more
            let fewer = queue.pop(generator.below(2 * chunk))
            #expect(fewer == Array(taken..<taken + fewer.count))
            taken += fewer.count
            #expect(queue.count == added - taken)
        }
    }

    /// Full, partly filled and partly emptied chunks on both sides of the seam.
    @Test func aQueueThatIsJoinedComesBehindWhatWasThere() {
        let sizes = [0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk + 3]
        for size in sizes {
            for joined in sizes {
                for taken in [0, 1, size / 2, size] where taken <= size {
                    let queue = Numbers(0..<size)
                    queue.pop(taken)
                    let other = Numbers(size..<size + joined)
                    queue.append(allOf: other)
                    #expect(other.isEmpty && other.popFirst() == nil)
                    queue.append(size + joined..<size + joined + 1)
                    #expect(queue.count == size - taken + joined + 1)
                    #expect(queue.pop() == Array(taken...size + joined))
                    // It is as good as new.
                    other.append(0..<chunk + 1)
                    #expect(other.pop() == Array(0...chunk))
                }
            }
        }
    }

    @Test func theMemoryOfABurstIsGivenBackAsItIsWorkedOff() {
        let queue = Numbers(0..<100 * chunk)
        #expect(queue.chunkCount == 100)
        queue.pop(50 * chunk)
        #expect(queue.chunkCount == 50 + mostSpares)
        queue.pop()
        #expect(queue.chunkCount == mostSpares)
    }

    /// The way of calls from threads: one side is filled, the other emptied.
    @Test func chunksGoRoundBetweenTwoQueues() {
        let incoming = Numbers()
        let due = Numbers()
        for _ in 0..<100 {
            incoming.append(0..<3 * chunk)
            due.append(allOf: incoming)
            due.pop()
            #expect(incoming.chunkCount + due.chunkCount <= 6)
        }
        incoming.append(0..<100 * chunk)
        due.append(allOf: incoming)
        due.pop()
        due.append(allOf: incoming)
        #expect(incoming.chunkCount + due.chunkCount <= 2 * mostSpares)
    }

    @Test func whatIsTakenOutIsNotKept() {
        var queue = ChunkedQueue<Captive>()
        var released = 0
        for _ in 0..<chunk + 1 { queue.append(Captive { released += 1 }) }
        #expect(released == 0)
        for number in 1...chunk + 1 {
            _ = queue.popFirst()
            #expect(released == number)
        }
    }

    @Test func whatIsLeftIsReleasedWithTheQueue() {
        var released = 0
        do {
            var queue = ChunkedQueue<Captive>()
            for _ in 0..<3 * chunk { queue.append(Captive { released += 1 }) }
            for _ in 0..<chunk + 7 { _ = queue.popFirst() }
            #expect(released == chunk + 7)
        }
        #expect(released == 3 * chunk)
    }

    /// The queue itself cannot be copied, and so not be asked in an expectation.
    private final class Numbers {
        private var queue = ChunkedQueue<Int>()

        init(_ numbers: Range<Int> = 0..<0) { append(numbers) }

        var count: Int { queue.count }
        var isEmpty: Bool { queue.isEmpty }
        var chunkCount: Int { queue.chunkCount }

        func append(_ numbers: Range<Int>) {
            for number in numbers { queue.append(number) }
        }
        func append(allOf other: Numbers) { queue.append(allOf: &other.queue) }
        func popFirst() -> Int? { queue.popFirst() }

        @discardableResult
        func pop(_ most: Int = .max) -> [Int] {
            var numbers: [Int] = []
            while numbers.count < most, let number = queue.popFirst() { numbers.append(number) }
            return numbers
        }
    }
}
