import Dispatch

/// Something that the queue does, while the main thread waits until it is done.
struct Task: Sendable {
    private let done = DispatchSemaphore(value: 0)

    static func run(_ begin: @escaping @Sendable (Task) -> Void) {
        let task = Task()
        queue.async { begin(task) }
        task.done.wait()
    }

    func finish() { done.signal() }
}

/// Does something when so many have called. Used on the queue alone.
final class Countdown: @unchecked Sendable {
    private var missing: Int
    private let atZero: @Sendable () -> Void

    init(_ count: Int, atZero: @escaping @Sendable () -> Void) {
        missing = count
        self.atZero = atZero
    }

    func count() {
        missing -= 1
        if missing == 0 { atZero() }
    }
}

/// Keeps what has to stay alive while the queue uses it.
final class Kept<Value>: @unchecked Sendable {
    var value: Value
    init(_ value: Value) { self.value = value }
}
