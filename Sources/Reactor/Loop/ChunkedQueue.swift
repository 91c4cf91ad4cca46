/// A queue in chunks: growing copies nothing, and neither does joining another queue to it, which links the two.
///
/// A few chunks that have become empty are kept, to be filled again. What a burst took beyond them is given back as it is
/// worked off.
@safe struct ChunkedQueue<Element: ~Copyable>: ~Copyable {
    @safe private struct Chunk {
        let elements: UnsafeMutablePointer<Element>
        /// Where the first element is, and where the next one goes.
        var first = 0
        var end = 0
        var next: UnsafeMutablePointer<Chunk>?
    }

    /// 6 KB of calls from threads. Chunks of 32 cost a tenth more time for each, larger ones give nothing.
    static var chunkSize: Int { 128 }
    /// Without any, a queue that is filled and emptied by turns would allocate a chunk each time.
    static var mostSpares: Int { 8 }

    private(set) var count = 0
    /// None of these is empty.
    private var first: UnsafeMutablePointer<Chunk>?
    private var last: UnsafeMutablePointer<Chunk>?
    /// All of these are.
    private var spare: UnsafeMutablePointer<Chunk>?
    private var spareCount = 0

    deinit {
        unsafe Self.free(first)
        unsafe Self.free(spare)
    }

    var isEmpty: Bool { count == 0 }

    @inline(__always)
    mutating func append(_ element: consuming Element) {
        let chunk = unsafe chunkWithRoom()
        unsafe (chunk.pointee.elements + chunk.pointee.end).initialize(to: element)
        unsafe chunk.pointee.end += 1
        count += 1
    }

    @inline(__always)
    mutating func popFirst() -> Element? {
        guard let chunk = unsafe first else { return nil }
        let element = unsafe (chunk.pointee.elements + chunk.pointee.first).move()
        unsafe chunk.pointee.first += 1
        count -= 1
        if unsafe chunk.pointee.first == chunk.pointee.end { removeFirstChunk() }
        return element
    }

    /// Adds all of `other`, which is empty then. It gets the spare chunks in exchange, where it has none: so they go round
    /// between a queue that is only appended to and one that is only taken from.
    mutating func append(allOf other: inout ChunkedQueue) {
        if unsafe other.spare == nil {
            unsafe swap(&spare, &other.spare)
            swap(&spareCount, &other.spareCount)
        }
        guard let joined = unsafe other.first else { return }
        unsafe link(joined)
        unsafe last = other.last
        count += other.count
        unsafe other.first = nil
        unsafe other.last = nil
        other.count = 0
    }

    /// How many chunks it holds, the spare ones among them.
    var chunkCount: Int {
        var count = spareCount
        var chunk = unsafe first
        while let counted = unsafe chunk {
            count += 1
            unsafe chunk = counted.pointee.next
        }
        return count
    }

    @inline(__always)
    private mutating func chunkWithRoom() -> UnsafeMutablePointer<Chunk> {
        if let last = unsafe last, unsafe last.pointee.end < Self.chunkSize { return unsafe last }
        return unsafe addChunk()
    }

    @inline(never)
    private mutating func addChunk() -> UnsafeMutablePointer<Chunk> {
        let chunk = unsafe takeSpare() ?? Self.allocate()
        unsafe link(chunk)
        unsafe last = chunk
        return unsafe chunk
    }

    /// Puts a chunk behind the last one. Whether it is the last one then is the caller's business.
    private mutating func link(_ chunk: UnsafeMutablePointer<Chunk>) {
        if let last = unsafe last { unsafe last.pointee.next = chunk } else { unsafe first = chunk }
    }

    @inline(never)
    private mutating func removeFirstChunk() {
        guard let chunk = unsafe first else { return }
        unsafe first = chunk.pointee.next
        if unsafe first == nil { unsafe last = nil }
        unsafe chunk.pointee.next = nil
        guard spareCount < Self.mostSpares else { return unsafe Self.free(chunk) }
        unsafe chunk.pointee.first = 0
        unsafe chunk.pointee.end = 0
        unsafe chunk.pointee.next = spare
        unsafe spare = chunk
        spareCount += 1
    }

    private mutating func takeSpare() -> UnsafeMutablePointer<Chunk>? {
        guard let chunk = unsafe spare else { return nil }
        unsafe spare = chunk.pointee.next
        unsafe chunk.pointee.next = nil
        spareCount -= 1
        return unsafe chunk
    }

    private static func allocate() -> UnsafeMutablePointer<Chunk> {
        let chunk = UnsafeMutablePointer<Chunk>.allocate(capacity: 1)
        unsafe chunk.initialize(to: Chunk(elements: .allocate(capacity: chunkSize)))
        return unsafe chunk
    }

    /// Frees a chunk and all that follow it, with the elements in them.
    private static func free(_ chunk: UnsafeMutablePointer<Chunk>?) {
        var chunk = unsafe chunk
        while let freed = unsafe chunk {
            unsafe chunk = freed.pointee.next
            let rest = unsafe freed.pointee.end - freed.pointee.first
            unsafe (freed.pointee.elements + freed.pointee.first).deinitialize(count: rest)
            unsafe freed.pointee.elements.deallocate()
            unsafe freed.deallocate()
        }
    }
}
