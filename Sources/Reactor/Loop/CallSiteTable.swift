/// Call sites by number: two bytes for each of a million timers, where the site itself takes 24, and would not fit on the
/// timer's line of the cache.
///
/// A program has so many places that ask for a call, and each is kept once; beyond `most`, what is not known yet counts as
/// nowhere. A place is known by the address of its file's name, so code that has asked for calls must not be unloaded. Hence
/// it is in here; and so that what is looked at for each call is behind a pointer, where an array of a class would be
/// checked for exclusivity at each look.
@safe final class CallSiteTable {
    @safe private struct Entry {
        /// Of the name of the file; zero for none.
        var address: UInt = 0
        var line: UInt32 = 0
        var number: UInt16 = 0
    }

    private var entries: UnsafeMutablePointer<Entry>
    private var capacity = 32
    private var mask: UInt { UInt(bitPattern: capacity &- 1) }
    private var sites = [CallSite.nowhere]

    static let most = 65_535

    init() {
        unsafe entries = Self.allocate(capacity)
    }

    deinit {
        unsafe entries.deallocate()
    }

    /// How many there are.
    var count: Int { sites.count - 1 }

    subscript(_ number: UInt16) -> CallSite { sites[Int(number)] }

    /// A site that is looked up when somebody asks for it. No reference is counted: it is good as long as the table.
    @safe struct Reference {
        private let table: Unmanaged<CallSiteTable>
        private let number: UInt16

        @inline(__always)
        init(_ number: UInt16, in table: CallSiteTable) {
            unsafe self.table = Unmanaged.passUnretained(table)
            self.number = number
        }

        var site: CallSite { unsafe table._withUnsafeGuaranteedRef { $0[number] } }
    }

    @inline(__always)
    func number(of site: CallSite) -> UInt16 {
        guard site.fileID.hasPointerRepresentation else { return 0 }
        let address = unsafe UInt(bitPattern: site.fileID.utf8Start)
        let entry = unsafe entries[place(address, site.line)]
        if entry.address == address, entry.line == site.line { return entry.number }
        return find(site, address)
    }

    @inline(__always)
    private func place(_ address: UInt, _ line: UInt32) -> Int {
        Int(bitPattern: (address ^ UInt(truncatingIfNeeded: line)) & mask)
    }

    /// Not the first in its place, or not met before.
    @inline(never)
    private func find(_ site: CallSite, _ address: UInt) -> UInt16 {
        if count * 2 >= capacity { grow() }
        var position = place(address, site.line)
        while unsafe entries[position].address != 0 {
            let entry = unsafe entries[position]
            if entry.address == address, entry.line == site.line { return entry.number }
            position = (position + 1) & (capacity - 1)
        }
        let number = append(site)
        guard number > 0 else { return 0 }
        unsafe entries[position] = Entry(address: address, line: site.line, number: number)
        return number
    }

    private func append(_ site: CallSite) -> UInt16 {
        guard count < Self.most else { return 0 }
        sites.append(site)
        return UInt16(truncatingIfNeeded: count)
    }

    private func grow() {
        let old = unsafe entries
        let oldCapacity = capacity
        capacity *= 2
        unsafe entries = Self.allocate(capacity)
        for number in 0..<oldCapacity {
            let entry = unsafe old[number]
            guard entry.address != 0 else { continue }
            var position = place(entry.address, entry.line)
            while unsafe entries[position].address != 0 { position = (position + 1) & (capacity - 1) }
            unsafe entries[position] = entry
        }
        unsafe old.deallocate()
    }

    private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<Entry> {
        let entries = UnsafeMutablePointer<Entry>.allocate(capacity: capacity)
        unsafe entries.initialize(repeating: Entry(), count: capacity)
        return unsafe entries
    }
}
