/// What may have come from outside, as a terminal or a log can show it.
extension String {
    /// Without control characters, but with its lines.
    var printable: String { escapingControls { $0 != "\n" && $0 != "\t" } }

    /// Without control characters, and on one line.
    var printableLine: String { escapingControls { _ in true } }

    /// In Swift's form: `\u{1B}`.
    private func escapingControls(_ isEscaped: (Unicode.Scalar) -> Bool) -> String {
        func isControl(_ scalar: Unicode.Scalar) -> Bool {
            (scalar.value < 0x20 || 0x7F...0x9F ~= scalar.value) && isEscaped(scalar)
        }
        guard unicodeScalars.contains(where: isControl) else { return self }
        var text = ""
        for scalar in unicodeScalars {
            if isControl(scalar) {
                text += "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
