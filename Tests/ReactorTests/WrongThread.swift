import CTestSupport
import Testing

@testable import Reactor

/// Each public method, called on another thread than the reactor's, stops the program with its name and call site.
@Suite(.keepsFiles) struct WrongThread {
    enum Call: String, CaseIterable, Codable {
        case run = "Reactor.run"
        case stop = "Reactor.stop"
        case runOnce = "Reactor.runOnce"
        case callWhenRunning = "Reactor.callWhenRunning"
        case callLater = "Reactor.callLater"
        case addSystemEventTrigger = "Reactor.addSystemEventTrigger"
        case report = "Reactor.report"
        case addReader = "Reactor.addReader"
        case addWriter = "Reactor.addWriter"
        case addWatcher = "Reactor.addWatcher"
        case addSignalWatcher = "Reactor.addSignalWatcher"
        case removeAll = "Reactor.removeAll"
        case watcherPause = "IOWatcher.pause"
        case watcherResume = "IOWatcher.resume"
        case watcherSetInterest = "IOWatcher.setInterest"
        case watcherCancel = "IOWatcher.cancel"
        case signalWatcherCancel = "SignalWatcher.cancel"
        case triggerCancel = "SystemEventTrigger.cancel"
        case delayedCallCancel = "DelayedCall.cancel"
        case delayedCallReset = "DelayedCall.reset"
        case delayedCallDelay = "DelayedCall.delay"
    }

    /// Everything that the calls are made on.
    private struct Scene {
        let reactor: Reactor
        let pipe: IOTest.Pipe
        let watcher: IOWatcher
        let signalWatcher: SignalWatcher
        let trigger: SystemEventTrigger
        let delayedCall: DelayedCall

        init() throws {
            reactor = try IOTest.reactor()
            pipe = try IOTest.Pipe()
            watcher = try reactor.addReader(pipe.reader.number) {}
            signalWatcher = try reactor.addSignalWatcher(64) {}
            trigger = reactor.addSystemEventTrigger(.before, .startup) {}
            delayedCall = reactor.callLater(.seconds(100)) {}
        }

        func make(_ call: Call, fileID: StaticString, line: UInt) throws {
            let descriptor = pipe.reader.number
            switch call {
            case .run: try reactor.run(installSignalHandlers: false, fileID: fileID, line: line)
            case .stop: try reactor.stop(fileID: fileID, line: line)
            case .runOnce: reactor.runOnce(fileID: fileID, line: line)
            case .callWhenRunning: reactor.callWhenRunning(fileID: fileID, line: line) {}
            case .callLater: reactor.callLater(.zero, fileID: fileID, line: line) {}
            case .addSystemEventTrigger:
                reactor.addSystemEventTrigger(.after, .shutdown, fileID: fileID, line: line) {}
            case .report:
                let failure = CallbackFailure(
                    error: IOTest.Failure(),
                    kind: .callWhenRunning,
                    registeredAt: CallSite(fileID: "a/b", line: 1)
                )
                reactor.report(failure, fileID: fileID, line: line)
            case .addReader: try reactor.addReader(descriptor, fileID: fileID, line: line) {}
            case .addWriter: try reactor.addWriter(descriptor, fileID: fileID, line: line) {}
            case .addWatcher: try reactor.addWatcher(descriptor, .read, fileID: fileID, line: line) { _ in }
            case .addSignalWatcher: try reactor.addSignalWatcher(64, fileID: fileID, line: line) {}
            case .removeAll: reactor.removeAll(fileID: fileID, line: line)
            case .watcherPause: watcher.pause(fileID: fileID, line: line)
            case .watcherResume: try watcher.resume(fileID: fileID, line: line)
            case .watcherSetInterest: try watcher.setInterest(.write, fileID: fileID, line: line)
            case .watcherCancel: watcher.cancel(fileID: fileID, line: line)
            case .signalWatcherCancel: signalWatcher.cancel(fileID: fileID, line: line)
            case .triggerCancel: trigger.cancel(fileID: fileID, line: line)
            case .delayedCallCancel: try delayedCall.cancel(fileID: fileID, line: line)
            case .delayedCallReset: try delayedCall.reset(to: .zero, fileID: fileID, line: line)
            case .delayedCallDelay: try delayedCall.delay(by: .zero, fileID: fileID, line: line)
            }
        }
    }

    @Test(arguments: Call.allCases)
    func aCallStopsTheProgramWithItsNameAndCallSite(_ call: Call) async throws {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { [call] in
            try WrongThread.aCallStopsTheProgramWithItsNameAndCallSite(IOTest.OwnProcess(), call)
        }
        let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(text.contains(call.rawValue))
        #expect(text.contains("Window.swift:42"))
        #expect(text.contains("callFromThread"))
    }

    private static func aCallStopsTheProgramWithItsNameAndCallSite(_ process: IOTest.OwnProcess, _ call: Call) throws {
        let scene = IOTest.Smuggled(try Scene())
        let thread = IOTest.Thread { try? scene.value.make(call, fileID: "House/Window.swift", line: 42) }
        thread.join()
    }

    enum Property: String, CaseIterable, Codable {
        case delayedCalls, readers, writers, signalWatchers, onFailure, isRunning, now
    }

    /// Properties have no call site to tell, but reading them while the owner changes them is as wrong.
    @Test(arguments: Property.allCases)
    func aPropertyStopsTheProgramWithItsName(_ property: Property) async throws {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { [property] in
            try WrongThread.aPropertyStopsTheProgramWithItsName(IOTest.OwnProcess(), property)
        }
        let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(text.contains("Reactor.\(property) ran on another thread"))
    }

    enum LoopingMethod: String, CaseIterable, Codable {
        case start, stop, reset, changeInterval
    }

    @Test(arguments: LoopingMethod.allCases)
    func aLoopingCallStopsTheProgramWithTheNameOfTheMethod(_ method: LoopingMethod) async throws {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { [method] in
            try WrongThread.aLoopingCallStopsTheProgramWithTheNameOfTheMethod(IOTest.OwnProcess(), method)
        }
        let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(text.contains("LoopingCall.\(method) ran on another thread"))
    }

    private static func aLoopingCallStopsTheProgramWithTheNameOfTheMethod(
        _ process: IOTest.OwnProcess,
        _ method: LoopingMethod
    ) throws {
        let reactor = try IOTest.reactor()
        let call = LoopingCall(on: reactor) {}
        if method != .start { try call.start(every: .seconds(5)) }
        let smuggled = IOTest.Smuggled(call)
        let thread = IOTest.Thread {
            let call = smuggled.value
            switch method {
            case .start: try? call.start(every: .seconds(5))
            case .stop: call.stop()
            case .reset: call.reset()
            case .changeInterval: try? call.changeInterval(to: .seconds(6))
            }
        }
        thread.join()
        // The looping call does not keep it.
        _ = reactor.backend
    }

    private static func aPropertyStopsTheProgramWithItsName(_ process: IOTest.OwnProcess, _ property: Property) throws {
        let reactor = IOTest.Smuggled(try IOTest.reactor())
        let thread = IOTest.Thread {
            let reactor = reactor.value
            switch property {
            case .delayedCalls: _ = reactor.delayedCalls
            case .readers: _ = reactor.readers
            case .writers: _ = reactor.writers
            case .signalWatchers: _ = reactor.signalWatchers
            case .onFailure: reactor.onFailure = { _ in }
            case .isRunning: _ = reactor.isRunning
            case .now: _ = reactor.now
            }
        }
        thread.join()
    }

    @Test func theSharedReactorBelongsToTheThreadThatFirstUsedIt() async throws {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            try WrongThread.theSharedReactorBelongsToTheThreadThatFirstUsedIt(IOTest.OwnProcess())
        }
        let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(text.contains("Reactor.callLater"))
        #expect(text.contains("WrongThread.swift"))
    }

    private static func theSharedReactorBelongsToTheThreadThatFirstUsedIt(_ process: IOTest.OwnProcess) throws {
        IOTest.Thread { Reactor.shared.callLater(.zero) {} }.join()
        Reactor.shared.callLater(.zero) {}
    }

    @Test func theHandleMayBeUsedOnAnyThread() throws {
        let reactor = try IOTest.reactor()
        let handle = reactor.handle
        let called = IOTest.Flag()
        IOTest.Thread { handle.callFromThread { called.raise() } }.join()
        reactor.runOnce()
        #expect(called.value)
    }
}
