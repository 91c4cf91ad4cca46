import CTestSupport
import Testing

@testable import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Whatever is done to descriptors and their watchers, in whatever order, from outside and from inside callbacks.
@Suite(.keepsFiles) struct RandomOperations {
    /// The process is the test's own: an abort of libev's is one way to fail, a hang another.
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func randomStepsKeepEveryPromise(seed: UInt64) async {
        await #expect(processExitsWith: .success) { [seed] in
            try RandomOperations.randomStepsKeepEveryPromise(IOTest.OwnProcess(), seed: seed)
        }
    }

    private static func randomStepsKeepEveryPromise(
        _ process: IOTest.OwnProcess,
        seed: UInt64
    ) throws {
        let play = try Play(seed: seed)
        for step in 1...5_000 {
            play.step()
            if step % 4 == 0 { play.pass() }
            try #require(play.broken.isEmpty, "seed \(seed), step \(step): \(play.broken.joined(separator: "; "))")
        }
        play.end()
        #expect(play.broken.isEmpty, "seed \(seed), at the end: \(play.broken.joined(separator: "; "))")
        // It was worth its time.
        #expect(play.calls > 2_500)
        #expect(play.reports > 12)
    }
}

/// Some fifty descriptor numbers, what is open under them, and who watches them.
private final class Play {
    /// A descriptor number. `generation` counts the files that were open under it.
    private struct Place {
        let number: Int32
        var generation = 0
        var isOpen = false
        /// The other end, or -1.
        var peer: Int32 = -1
    }

    private final class Watched {
        let place: Int
        let generation: Int
        let keepsAfterFailure: Bool
        var handle: IOWatcher?
        var calls = 0
        /// Whether the play itself, or a failure of the callback, has cancelled it.
        var isOver = false

        init(place: Int, generation: Int, keepsAfterFailure: Bool) {
            self.place = place
            self.generation = generation
            self.keepsAfterFailure = keepsAfterFailure
        }
    }

    private let reactor: Reactor
    private var dice: Dice
    private var places: [Place]
    private var watched: [Watched] = []
    /// Other numbers for files that are, or were, open in a place.
    private var duplicates: [Int32] = []
    private var depth = 0
    /// Whether anything was changed since the flag was lowered: then nothing can be said of a pass.
    private var isDisturbed = false
    private(set) var calls = 0
    private(set) var reports = 0
    private(set) var broken: [String] = []

    init(seed: UInt64) throws {
        reactor = try IOTest.reactor()
        dice = Dice(seed: seed)
        places = (300..<350).map { Place(number: $0) }
        reactor.onFailure = { [unowned self] failure in
            reports += 1
            switch failure.error {
            case is IOTest.Failure: break
            case DescriptorError.closedWhileWatched: if dice.once(in: 4) { change() }
            default: broken.append("\(failure)")
            }
        }
    }

    /// One random operation.
    func step() {
        dice.once(in: 30) ? settle() : change()
    }

    /// One pass, and what must be true after it.
    func pass() {
        checkWatchers()
        isDisturbed = false
        let expected = expectations()
        reactor.runOnce()
        // select serves nobody in a pass in which it meets a closed descriptor.
        if expected.contains(where: { $1 == .must && $0.calls == 0 && isCurrent($0) }) {
            reactor.runOnce()
            reactor.runOnce()
        }
        guard !isDisturbed else { return }
        for (watched, expectation) in expected where isCurrent(watched) {
            let descriptor = places[watched.place].number
            if expectation == .must, watched.calls == 0 { broken.append("ready, and not called: \(descriptor)") }
            if expectation == .mustNot, watched.calls > 0 { broken.append("not ready, and called: \(descriptor)") }
        }
        if dice.once(in: 10) { checkRegistry() }
    }

    /// Nothing is left over.
    func end() {
        reactor.removeAll()
        for place in places.indices { close(place) }
        reactor.runOnce()
        if IOTest.pollsWhileIdle(reactor) > IOTest.fewPolls { broken.append("it spins") }
        if !reactor.readers.isEmpty || !reactor.writers.isEmpty { broken.append("watchers are left") }
    }

    // MARK: Operations

    private func change() {
        isDisturbed = true
        let place = dice.below(places.count)
        switch dice.below(16) {
        case 0: close(place)
        case 1: open(place)
        case 2, 3: if !places[place].isOpen { open(place) }
        case 4: duplicate(place)
        case 5: if let peer = openPeer(place) { _ = io_write(peer, 1) }
        case 6: if places[place].isOpen { io_drain(places[place].number) }
        case 7: if let peer = openPeer(place) { closePeer(place, peer) }
        case 8, 9, 10: watch(place)
        default: if let watched = watched.randomElement(using: &dice) { touch(watched) }
        }
        if watched.count > 100 { cancel(watched[dice.below(watched.count)]) }
    }

    /// Opens what is closed and cancels what is out of date, so that there is something to promise.
    private func settle() {
        isDisturbed = true
        for place in places.indices where !places[place].isOpen { open(place) }
        for watched in watched where !isCurrent(watched) { cancel(watched) }
    }

    private func close(_ place: Int) {
        guard places[place].isOpen else { return }
        _ = systemClose(places[place].number)
        places[place].isOpen = false
        places[place].generation += 1
        if let peer = openPeer(place) { closePeer(place, peer) }
    }

    /// Opens something under the number, also in place of what is open there.
    private func open(_ place: Int) {
        var near: Int32
        var far: Int32 = -1
        switch dice.below(7) {
        case 0:
            near = io_open_null_device()
        case 1:
            near = io_temporary_file()
        case 2:
            let ends = io_pipe()
            (near, far) = (ends.second, ends.first)
        case 3, 4:
            let ends = io_pipe()
            (near, far) = (ends.first, ends.second)
        default:
            let ends = io_socketpair()
            (near, far) = (ends.first, ends.second)
        }
        guard near >= 0 else {
            broken.append("cannot open, errno \(errno)")
            return
        }
        if let peer = openPeer(place) { closePeer(place, peer) }
        dup2(near, places[place].number)
        _ = systemClose(near)
        near = places[place].number
        places[place].isOpen = true
        places[place].generation += 1
        places[place].peer = far
    }

    private func openPeer(_ place: Int) -> Int32? { places[place].peer >= 0 ? places[place].peer : nil }

    private func closePeer(_ place: Int, _ peer: Int32) {
        _ = systemClose(peer)
        places[place].peer = -1
    }

    /// Another number keeps the file open; it is never watched.
    private func duplicate(_ place: Int) {
        guard places[place].isOpen else { return }
        duplicates.append(fcntl(places[place].number, F_DUPFD_CLOEXEC, 400))
        if duplicates.count > 20 { _ = systemClose(duplicates.remove(at: dice.below(duplicates.count))) }
    }

    private func watch(_ place: Int) {
        let interest = Interest(rawValue: UInt8(dice.below(4)))
        let new = Watched(
            place: place,
            generation: places[place].generation,
            keepsAfterFailure: dice.once(in: 2)
        )
        do {
            new.handle = try reactor.addWatcher(
                places[place].number,
                interest,
                keepAfterFailure: new.keepsAfterFailure
            ) { [unowned self, unowned new] readiness in
                try called(new, readiness)
            }
            watched.append(new)
            // A handler that was told of others may have closed it once more.
        } catch DescriptorError.notOpen {
            if places[place].isOpen { broken.append("an open descriptor was refused") }
        } catch {
            broken.append("\(error)")
        }
    }

    private func touch(_ watched: Watched) {
        guard let handle = watched.handle else { return }
        do {
            switch dice.below(6) {
            case 0: cancel(watched)
            case 1: handle.pause()
            case 2: try handle.setInterest(Interest(rawValue: UInt8(dice.below(4))))
            case 3:
                handle.pause()
                try handle.resume()
            default: try handle.resume()
            }
        } catch {
            if isCurrent(watched) { broken.append("\(error)") }
            watched.isOver = true
        }
    }

    private func cancel(_ watched: Watched) {
        watched.isOver = true
        watched.handle?.cancel()
        self.watched.removeAll { $0 === watched }
    }

    // MARK: What it is called for

    private func called(_ watched: Watched, _ readiness: Readiness) throws {
        calls += 1
        watched.calls += 1
        if watched.isOver { broken.append("a cancelled watcher was called") }
        if watched.handle?.isActive != true { broken.append("an inactive watcher was called") }
        if readiness.watcher.isPaused { broken.append("a paused watcher was called") }
        if readiness.watcher !== watched.handle { broken.append("another watcher was called") }
        let interest = readiness.watcher.interest
        if !(readiness.isReadable && interest.contains(.read) || readiness.isWritable && interest.contains(.write)) {
            broken.append("a watcher was called for what it does not watch")
        }
        // As many changes from inside callbacks as from outside, but in few passes.
        guard dice.once(in: 300) else { return }
        change()
        depth += 1
        if depth < 4, dice.once(in: 2) { reactor.runOnce() }
        depth -= 1
        if dice.once(in: 4) {
            if !watched.keepsAfterFailure { watched.isOver = true }
            throw IOTest.Failure()
        }
    }

    // MARK: What is promised

    private enum Expectation { case must, mustNot, may }

    /// Whether the watcher is in force, and its number stands for the file for which it was added.
    private func isCurrent(_ watched: Watched) -> Bool {
        !watched.isOver && places[watched.place].isOpen && places[watched.place].generation == watched.generation
    }

    /// What poll(2) says, for each watcher that is in force.
    private func expectations() -> [(Watched, Expectation)] {
        watched.compactMap { watched in
            watched.calls = 0
            guard isCurrent(watched), let handle = watched.handle else { return nil }
            var isReady = false
            var isHungUp = false
            let events = io_poll(handle.descriptor)
            if handle.interest.contains(.read), events & Int32(POLLIN | POLLERR | POLLHUP) != 0 { isReady = true }
            if handle.interest.contains(.write), events & Int32(POLLOUT | POLLERR) != 0 { isReady = true }
            // A hang-up alone makes a descriptor writable for epoll and poll, but not for select.
            if handle.interest.contains(.write), events & Int32(POLLHUP) != 0 { isHungUp = true }
            if handle.isPaused { return (watched, .mustNot) }
            return (watched, isReady ? .must : isHungUp ? .may : .mustNot)
        }
    }

    private func checkWatchers() {
        for watched in watched where isCurrent(watched) && watched.handle?.isActive != true {
            broken.append("a watcher of an open descriptor was cancelled: \(places[watched.place].number)")
        }
        watched.removeAll { $0.isOver || $0.handle?.isActive != true }
    }

    private func checkRegistry() {
        checkWatchers()
        let active = Set(watched.compactMap { $0.handle.map(ObjectIdentifier.init) })
        let listed = Set((reactor.readers + reactor.writers).map(ObjectIdentifier.init))
        if !listed.isSubset(of: active) { broken.append("a watcher is listed that should not be") }
        for watched in watched {
            guard let handle = watched.handle, handle.interest != [] else { continue }
            if !listed.contains(ObjectIdentifier(handle)) { broken.append("an active watcher is not listed") }
        }
    }
}

/// The same numbers for the same seed (SplitMix64).
private struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        return bits ^ (bits >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() >> 1) % bound }
    mutating func once(in count: Int) -> Bool { below(count) == 0 }
}

private func systemClose(_ number: Int32) -> Int32 { close(number) }
