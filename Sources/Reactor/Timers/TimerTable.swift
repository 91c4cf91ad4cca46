/// An array without checks, for what the timer slab looks up at each operation: the bounds follow from the handles, and
/// nobody else holds the memory. Elements are not copied out of it as a whole.
@safe struct TimerTable<Element>: ~Copyable {
    private var elements: UnsafeMutablePointer<Element>
    private var capacity = 4
    private(set) var count = 0

    init() {
        unsafe elements = .allocate(capacity: capacity)
    }

    deinit {
        unsafe elements.deinitialize(count: count)
        unsafe elements.deallocate()
    }

    mutating func append(_ element: consuming Element) {
        if count == capacity { grow() }
        unsafe (elements + count).initialize(to: element)
        count += 1
    }

    /// Where the element is, until the next `append`.
    @inline(__always)
    subscript(_ position: Int) -> UnsafeMutablePointer<Element> { unsafe elements + position }

    @inline(never)
    private mutating func grow() {
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
        unsafe larger.moveInitialize(from: elements, count: count)
        unsafe elements.deallocate()
        unsafe elements = unsafe larger
        capacity *= 2
    }
}
