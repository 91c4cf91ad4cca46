import CLibev

/// What an event touches of a source, on one line of the cache: libev's watcher, and what is to be called.
///
/// Where there are many sources, the kernel's own work has pushed their lines out of the near caches by the time that they
/// are ready again, and a line that has to come back takes as long as forty instructions do. libev has looked at this one
/// just before it hands the source over.
@safe struct IOSlot: ~Copyable {
    /// The first, so that libev's pointer to its watcher is one to the slot.
    var watcher = unsafe ev_io()
    private let callback: () throws -> Void

    init(_ callback: @escaping () throws -> Void) { self.callback = callback }

    /// The slot cannot be copied, so it is borrowed for the call, and the callback is not retained: whoever closes the source
    /// in its own callback leaves it with the loop.
    @inline(__always)
    borrowing func call() throws { try callback() }
}

/// Where the slots of a loop's sources are: one beside the other, in blocks of a page that are freed when their last slot
/// is, and in the order in which they are asked for, until the first is given back.
///
/// The source to which a slot belongs stands at the end of its page: an event does not ask for it, unless its callback gets
/// the readiness.
@safe final class IOSlots {
    typealias Slot = UnsafeMutablePointer<IOSlot>

    /// The first line of each page; the slots follow, and after them a reference to the source of each.
    @safe private struct Block {
        /// Neighbours among those that have a free slot.
        var next: UnsafeMutablePointer<Block>?
        var previous: UnsafeMutablePointer<Block>?
        /// The slot that was given back last; it begins with the address of the one before.
        var free: UnsafeMutableRawPointer?
        var used = 0
        /// How many slots, from the first on, were ever in use.
        var touched = 0
    }

    static let bytesOfSlot = 64
    private static let bytesOfBlock = 4_096
    static let slotsOfBlock = (bytesOfBlock - bytesOfSlot) / (bytesOfSlot + MemoryLayout<UInt>.size)

    private var open: UnsafeMutablePointer<Block>?
    private(set) var blocks = 0

    init() {
        precondition(MemoryLayout<IOSlot>.size <= Self.bytesOfSlot, "libev's ev_io is larger than expected")
        precondition(MemoryLayout<Block>.size <= Self.bytesOfSlot)
    }

    /// Memory for a slot, which is not initialized.
    func take() -> Slot {
        let block = unsafe open ?? allocate()
        let slot: UnsafeMutableRawPointer
        if let free = unsafe block.pointee.free {
            unsafe slot = unsafe free
            unsafe block.pointee.free = free.load(as: UnsafeMutableRawPointer?.self)
        } else {
            unsafe block.pointee.touched += 1
            unsafe slot = UnsafeMutableRawPointer(block) + block.pointee.touched * Self.bytesOfSlot
        }
        unsafe block.pointee.used += 1
        if unsafe block.pointee.used == Self.slotsOfBlock { unsafe unlink(block) }
        return unsafe slot.bindMemory(to: IOSlot.self, capacity: 1)
    }

    /// Says to whom a slot belongs. No reference is counted.
    static func assign(_ slot: Slot, to source: IOSource) {
        unsafe reference(of: slot).initialize(to: Unmanaged.passUnretained(source))
    }

    /// To whom it does.
    @inline(__always)
    static func source(of slot: Slot) -> Unmanaged<IOSource> { unsafe reference(of: slot).pointee }

    @inline(__always)
    private static func reference(of slot: Slot) -> UnsafeMutablePointer<Unmanaged<IOSource>> {
        let page = unsafe page(of: slot)
        let number = unsafe (UnsafeMutableRawPointer(slot) - page) / bytesOfSlot - 1
        let references = unsafe page + (slotsOfBlock + 1) * bytesOfSlot
        return unsafe references.assumingMemoryBound(to: Unmanaged<IOSource>.self) + number
    }

    @inline(__always)
    private static func page(of slot: Slot) -> UnsafeMutableRawPointer {
        unsafe UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: slot) & ~UInt(bytesOfBlock - 1)).unsafelyUnwrapped
    }

    /// Takes back the memory of a slot that was deinitialized.
    func giveBack(_ slot: Slot) {
        let memory = UnsafeMutableRawPointer(slot)
        let block = unsafe Self.page(of: slot).assumingMemoryBound(to: Block.self)
        #if DEBUG
            // The address sanitizer does not see who uses it now.
            unsafe memory.initializeMemory(as: UInt8.self, repeating: 0xdb, count: Self.bytesOfSlot)
            unsafe UnsafeMutableRawPointer(Self.reference(of: slot)).storeBytes(of: 0xdbdb_dbdb, as: UInt.self)
        #endif
        unsafe memory.storeBytes(of: unsafe block.pointee.free, as: UnsafeMutableRawPointer?.self)
        unsafe block.pointee.free = memory
        if unsafe block.pointee.used == Self.slotsOfBlock { unsafe link(block) }
        unsafe block.pointee.used -= 1
        if unsafe block.pointee.used == 0 { unsafe free(block) }
    }

    private func allocate() -> UnsafeMutablePointer<Block> {
        let page = UnsafeMutableRawPointer.allocate(byteCount: Self.bytesOfBlock, alignment: Self.bytesOfBlock)
        let block = unsafe page.bindMemory(to: Block.self, capacity: 1)
        unsafe block.initialize(to: Block())
        unsafe link(block)
        blocks += 1
        return unsafe block
    }

    private func free(_ block: UnsafeMutablePointer<Block>) {
        unsafe unlink(block)
        unsafe UnsafeMutableRawPointer(block).deallocate()
        blocks -= 1
    }

    private func link(_ block: UnsafeMutablePointer<Block>) {
        unsafe block.pointee.previous = nil
        unsafe block.pointee.next = unsafe open
        unsafe open?.pointee.previous = unsafe block
        unsafe open = unsafe block
    }

    private func unlink(_ block: UnsafeMutablePointer<Block>) {
        let next = unsafe block.pointee.next
        unsafe next?.pointee.previous = unsafe block.pointee.previous
        if let previous = unsafe block.pointee.previous {
            unsafe previous.pointee.next = unsafe next
        } else {
            unsafe open = unsafe next
        }
    }
}
