/// Calls that a pass makes one after the other. A nested pass, begun by one of them, goes on where the outer one is.
struct CallBatch<Call> {
    private var calls: [Call] = []
    private var next = 0

    var count: Int { calls.count - next }

    /// Adds all of `more`, and leaves it empty; the arrays change places where they can, so that none is allocated.
    mutating func append(_ more: inout [Call]) {
        if count == 0 {
            calls.removeAll(keepingCapacity: calls.capacity <= 4_096)
            next = 0
            swap(&calls, &more)
        } else {
            calls.append(contentsOf: more)
            more.removeAll(keepingCapacity: true)
        }
    }

    mutating func popFirst() -> Call? {
        guard next < calls.count else { return nil }
        next += 1
        return calls[next - 1]
    }

    /// Lets go of the calls that were made.
    mutating func forget() {
        guard count == 0 else { return }
        calls.removeAll(keepingCapacity: calls.capacity <= 4_096)
        next = 0
    }
}
