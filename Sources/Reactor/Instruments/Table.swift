/// The rows as lines, with their columns below one another, so far apart. All rows are of the same length.
func aligned(_ rows: [[String]], gap: Int) -> [String] {
    var lines = [String](repeating: "", count: rows.count)
    guard let columns = rows.first?.indices else { return lines }
    for column in columns {
        var width = 0
        for row in rows { width = max(width, row[column].count) }
        for (number, row) in rows.enumerated() {
            lines[number] += row[column]
            // Nothing after a line's last word.
            if row[(column + 1)...].contains(where: { !$0.isEmpty }) {
                lines[number] += String(repeating: " ", count: width - row[column].count + gap)
            }
        }
    }
    return lines
}
