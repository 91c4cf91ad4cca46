/// Passes inside of passes: which sources do not take part in them, and when those that were cancelled can go.
extension EventLoop {
    @inline(never)
    func beginNestedPass() -> OuterPass {
        let outer = unsafe OuterPass(dispatching: dispatching)
        if let slot = unsafe dispatching { unsafe IOSource.of(slot).suspend() }
        unsafe dispatching = nil
        return outer
    }

    @inline(never)
    func endNestedPass(_ outer: OuterPass) {
        if hasRemains {
            endSuspensions()
            releaseRetiredOfNestedPass()
        }
        unsafe dispatching = outer.dispatching
        guard let slot = unsafe dispatching else { return }
        let source = unsafe IOSource.of(slot)
        guard isHosted else { return source.endSuspension() }
        guard suspended.last?.source !== source else { return }
        suspended.append((source, depth))
        hasRemains = true
    }

    /// Those of the pass that has ended.
    func endSuspensions() {
        while let last = suspended.last, last.depth > depth {
            suspended.removeLast()
            last.source.endSuspension()
        }
        hasRemains = !retired.isEmpty || !suspended.isEmpty
    }

    /// Those sources whose callbacks are not on the stack: a program that lives in a callback would keep all that it cancels.
    /// libev holds none of them any more, and those on the stack are suspended.
    private func releaseRetiredOfNestedPass() {
        var released: [IOSource] = []
        retired.removeAll { source in
            guard !source.isSuspended else { return false }
            released.append(source)
            return true
        }
        hasRemains = !retired.isEmpty || !suspended.isEmpty
    }

    /// What a nested pass has interrupted.
    @safe struct OuterPass {
        let dispatching: IOSlots.Slot?
    }

    /// Their deinitialisers run code of the user's, which may come back here.
    @inline(never)
    func releaseRetired() {
        hasRemains = false
        var sources: [IOSource] = []
        swap(&sources, &retired)
        sources.removeAll(keepingCapacity: sources.capacity <= 4_096)
        if retired.isEmpty { swap(&sources, &retired) }
    }

    /// Keeps a cancelled source until nothing can refer to it any more.
    func retire(_ source: IOSource) {
        guard depth > 0 else { return }
        retired.append(source)
        hasRemains = true
    }
}
