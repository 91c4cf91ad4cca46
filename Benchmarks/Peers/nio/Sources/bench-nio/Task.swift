import NIOCore
import Round

/// Something that a loop does on its thread, while the main thread waits until it is done.
final class Task: @unchecked Sendable {
    let loop: any EventLoop
    private let done: EventLoopPromise<Void>

    private init(_ loop: any EventLoop) {
        self.loop = loop
        done = loop.makePromise()
    }

    /// Begins on the loop's thread, and returns when the task has finished.
    static func run(on loop: any EventLoop, _ begin: @escaping (Task) throws -> Void) throws {
        let task = Task(loop)
        loop.execute {
            do { try begin(task) } catch { task.done.fail(error) }
        }
        try task.done.futureResult.wait()
    }

    func finish() { done.succeed() }
}

/// Does something when so many have called.
final class Countdown: @unchecked Sendable {
    private var missing: Int
    private let atZero: () -> Void

    init(_ count: Int, atZero: @escaping () -> Void) {
        missing = count
        self.atZero = atZero
    }

    func count() {
        missing -= 1
        if missing == 0 { atZero() }
    }
}
