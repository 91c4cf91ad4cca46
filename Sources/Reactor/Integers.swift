/// The conversions between integers that are made often, each in one place.
///
/// The standard library's own are generic, and made of functions that are inlined before anything is optimized: each use of
/// one takes the compiler ten milliseconds or more, and a hundred of them took a second of the build. The same goes for
/// `>>` and `<<`, which is why shifts are masking ones (`&>>`, `&<<`): each is by less than the number is wide.
extension Int32 {
    /// A descriptor or a signal as the index of a table.
    @inline(__always)
    var asInt: Int { Int(self) }
}

extension UInt32 {
    @inline(__always)
    var asInt: Int { Int(self) }
}

extension UInt64 {
    /// Of a number below 2 to the 63rd, which is not checked.
    @inline(__always)
    var asInt: Int { Int(truncatingIfNeeded: self) }
}

extension Int {
    @inline(__always)
    var asInt32: Int32 { Int32(self) }
    @inline(__always)
    var asUInt32: UInt32 { UInt32(self) }
    @inline(__always)
    var asUInt64: UInt64 { UInt64(self) }
}
