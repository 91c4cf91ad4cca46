/// Calls that a pass makes one after the other. A nested pass, begun by one of them, goes on where the outer one is.
///
/// A class, so that nothing is looking at its arrays while calls are released: what they hold may make a pass as it goes.
final class CallBatch<Call> {
    private var calls: [Call] = []
    private var next = 0

    var count: Int { calls.count - next }

    /// Adds all of `more`, and leaves it empty; the arrays change places where they can, so that none is allocated.
    /// `forget` comes before, since nothing must be released while somebody lends his array.
    func append(_ more: inout [Call]) {
        if calls.isEmpty {
            swap(&calls, &more)
        } else {
            calls.append(contentsOf: more)
            more.removeAll(keepingCapacity: true)
        }
    }

    func popFirst() -> Call? {
        guard next < calls.count else { return nil }
        next += 1
        return calls[next - 1]
    }

    /// Lets go of the calls that were made, once all of them were.
    func forget() {
        guard count == 0, !calls.isEmpty else { return }
        var made: [Call] = []
        swap(&calls, &made)
        next = 0
        made.removeAll(keepingCapacity: made.capacity <= 4_096)
        if calls.isEmpty { swap(&calls, &made) }
    }
}
