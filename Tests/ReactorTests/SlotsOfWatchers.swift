import Testing

@testable import Reactor

/// `IOSlots`: what an event touches of a watcher is on one line of the cache, and none is kept that nobody uses.
@Suite(.keepsFiles) struct SlotsOfWatchers {
    private let perBlock = IOSlots.slotsOfBlock

    @Test func aSlotIsOneLineOfTheCache() {
        #expect(MemoryLayout<IOSlot>.size == IOSlots.bytesOfSlot)
        let slots = IOSlots()
        let taken = (0..<3 * perBlock).map { _ in unsafe UInt(bitPattern: slots.take()) }
        #expect(Set(taken).count == taken.count)
        #expect(taken.allSatisfy { $0 % UInt(IOSlots.bytesOfSlot) == 0 })
        #expect(slots.blocks == 3)
        // One beside the other, in the order in which they are asked for.
        #expect(taken[1] == taken[0] + UInt(IOSlots.bytesOfSlot))
        giveBack(taken, to: slots)
        #expect(slots.blocks == 0)
    }

    @Test func freeSlotsAreTakenBeforeNewBlocks() {
        let slots = IOSlots()
        var generator = SplitMix64(seed: 1)
        var taken = (0..<10 * perBlock).map { _ in unsafe UInt(bitPattern: slots.take()) }
        for _ in 0..<20 {
            // As many of each block as luck has it, and in no order.
            taken.shuffle(using: &generator)
            let number = generator.below(9 * perBlock)
            giveBack(Array(taken.suffix(number)), to: slots)
            taken.removeLast(number)
            let blocks = slots.blocks
            #expect(blocks * perBlock >= taken.count)
            for _ in 0..<blocks * perBlock - taken.count { taken.append(unsafe UInt(bitPattern: slots.take())) }
            #expect(slots.blocks == blocks)
            #expect(Set(taken).count == taken.count)
            while taken.count < 10 * perBlock { taken.append(unsafe UInt(bitPattern: slots.take())) }
            #expect(slots.blocks == 10)
        }
        giveBack(taken, to: slots)
        #expect(slots.blocks == 0)
    }

    @Test func watchersThatAreGoneLeaveNoSlots() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        let before = reactor.loop.slots.blocks
        let watchers = try (0..<10 * perBlock).map { _ in try reactor.addReader(pipe.reader.number) {} }
        #expect(reactor.loop.slots.blocks == before + 10)
        for watcher in watchers { watcher.cancel() }
        #expect(reactor.loop.slots.blocks == before)
        for _ in 0..<1_000 { try reactor.addReader(pipe.reader.number) {}.cancel() }
        #expect(reactor.loop.slots.blocks == before)
    }

    /// What its callback holds goes with the watcher, and not with the slot's next one.
    @Test func aCancelledWatcherLetsGoOfItsCallback() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        weak var gone: IOTest.Tracer?
        do {
            let tracer = IOTest.Tracer()
            gone = tracer
            let watcher = try reactor.addReader(pipe.reader.number) { withExtendedLifetime(tracer) {} }
            #expect(gone != nil)
            watcher.cancel()
        }
        #expect(gone == nil)
    }

    private func giveBack(_ addresses: [UInt], to slots: IOSlots) {
        for address in addresses { unsafe slots.giveBack(IOSlots.Slot(bitPattern: address).unsafelyUnwrapped) }
    }
}
