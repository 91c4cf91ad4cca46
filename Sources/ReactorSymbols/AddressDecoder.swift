/// Hands return addresses to `Backtrace.init(from:)`.
///
/// The Runtime module looks up the symbols of its own `Backtrace` values only, and those it captures itself, at a price
/// that a `throw` should not have. But they can be decoded, from the compact form in which the module stores them: this
/// is the decoder for that. If the form should change one day, the decoding throws, and a report has no traceback.
struct AddressDecoder: Decoder {
    let architecture: String
    let addresses: [UInt]
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(Fields(decoder: self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw Self.unexpected("a list") }
    func singleValueContainer() throws -> any SingleValueDecodingContainer { throw Self.unexpected("a value") }

    fileprivate static func unexpected(_ what: String) -> DecodingError {
        .dataCorrupted(.init(codingPath: [], debugDescription: "Backtrace asks for \(what)."))
    }

    /// A byte for the size of a word, then for each frame a byte for "return address, absolute, of eight bytes" and the
    /// address, then a null byte.
    fileprivate var compactForm: [UInt8] {
        var bytes: [UInt8] = [0x02]
        for address in addresses {
            bytes.append(0x2f)
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: UInt64(address) >> shift))
            }
        }
        return bytes + [0x00]
    }
}

private struct Fields<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let decoder: AddressDecoder
    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { ["architecture", "backtrace"].compactMap(Key.init(stringValue:)) }

    func contains(_ key: Key) -> Bool { allKeys.contains { $0.stringValue == key.stringValue } }
    func decodeNil(forKey key: Key) -> Bool { !contains(key) }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        let text = key.stringValue == "architecture" ? decoder.architecture : base64(decoder.compactForm)
        guard let value = text as? Value else { throw AddressDecoder.unexpected(key.stringValue) }
        return value
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        throw AddressDecoder.unexpected(key.stringValue)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        throw AddressDecoder.unexpected(key.stringValue)
    }

    func superDecoder() throws -> any Decoder { throw AddressDecoder.unexpected("its superclass") }
    func superDecoder(forKey key: Key) throws -> any Decoder { throw AddressDecoder.unexpected("its superclass") }
}

private func base64(_ bytes: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var text = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
        for digit in 0...group.count { text.append(digits[bits >> (18 - 6 * digit) & 63]) }
        text += String(repeating: "=", count: 3 - group.count)
    }
    return text
}
