import Foundation

/// Draws a trace as an SVG that stands alone: one row for the loop, one for each place where callbacks were registered,
/// time from left to right. Where the loop sleeps all rows are empty.
struct Drawing {
    private let trace: Trace
    /// A callback that takes longer, in microseconds, is marked as slow.
    private let slow: Double
    private let begin: Double
    private let end: Double
    private let callbacks: [Trace.Event]

    init(trace: Trace, slow: Double) {
        self.trace = trace
        self.slow = slow
        begin = trace.events.map(\.begin).min() ?? 0
        end = max(trace.events.map(\.end).max() ?? 0, begin + 1)
        callbacks = trace.events.filter { $0.category == .callback }
    }

    private let left = 210.0
    private let right = 24.0
    private let width = 1_000.0
    private let rowHeight = 30.0
    private let top = 64.0

    /// The rows, in the order of their first callback.
    private var places: [String] {
        var places: [String] = []
        for callback in callbacks where !places.contains(callback.site) {
            places.append(callback.site)
            if places.count == 24 { break }
        }
        return places
    }

    private func x(_ time: Double) -> Double { left + (time - begin) / (end - begin) * (width - left - right) }

    func svg() -> String {
        let places = places
        let height = top + Double(places.count + 1) * rowHeight + 48
        var lines = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(width)) \(Int(height))" \
            font-family="system-ui, sans-serif" font-size="12">
            <style>
            .paper { fill: #fff } .text { fill: #222 } .faint { fill: #777 } .rule { stroke: #e4e4e4 }
            .sleep { fill: #e9edf2 } .work { fill: #4c78a8 } .call { fill: #59a14f } .slow { fill: #e15759 }
            .failure { stroke: #b00020; stroke-width: 2 }
            @media (prefers-color-scheme: dark) {
            .paper { fill: #16181c } .text { fill: #eee } .faint { fill: #999 } .rule { stroke: #33373d }
            .sleep { fill: #2a2f37 } }
            </style>
            <rect class="paper" width="\(Int(width))" height="\(Int(height))"/>
            """
        ]
        lines += legend()
        lines += axis(to: height - 40)
        lines += loop()
        for (row, place) in places.enumerated() { lines += calls(of: place, row: row + 1) }
        lines += failures(to: height - 40)
        lines.append("</svg>\n")
        return lines.joined(separator: "\n")
    }

    private func legend() -> [String] {
        let asleep = trace.events.filter { $0.category == .wait }.reduce(0) { $0 + $1.duration }
        let slowCount = callbacks.filter { $0.duration > slow }.count
        let title =
            "\(time(end - begin)): \(callbacks.count) callback\(callbacks.count == 1 ? "" : "s") on one thread, "
            + "asleep \(Int((asleep / (end - begin) * 100).rounded())) %, "
            + "\(slowCount) slower than \(time(slow))"
        var lines = [text(16, 24, title, "text", "font-size=\"15\" font-weight=\"600\"")]
        var position = 16.0
        for (style, name) in [
            ("sleep", "asleep"), ("work", "awake"), ("call", "a callback"), ("slow", "a slow callback"),
        ] {
            lines.append(#"<rect class="\#(style)" x="\#(position)" y="36" width="12" height="12" rx="2"/>"#)
            lines.append(text(position + 18, 46, name, "faint"))
            position += 34 + Double(name.count) * 7
        }
        return lines
    }

    /// Round steps, about ten of them.
    private func axis(to bottom: Double) -> [String] {
        let rough = (end - begin) / 8
        let power = pow(10, floor(log10(rough)))
        let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough } ?? rough
        return stride(from: 0, through: end - begin, by: step).flatMap { offset in
            let position = number(x(begin + offset))
            return [
                #"<line class="rule" x1="\#(position)" x2="\#(position)" y1="\#(Int(top))" y2="\#(Int(bottom))"/>"#,
                text(x(begin + offset), bottom + 18, time(offset), "faint", #"text-anchor="middle""#),
            ]
        }
    }

    /// Awake where it does not sleep.
    private func loop() -> [String] {
        var lines = [text(16, top + 19, "the loop", "text")]
        lines.append(bar("work", begin, end, row: 0, "awake"))
        for wait in trace.events where wait.category == .wait && x(wait.end) - x(wait.begin) > 0.2 {
            lines.append(bar("sleep", wait.begin, wait.end, row: 0, "asleep for \(time(wait.duration))"))
        }
        return lines
    }

    private func calls(of place: String, row: Int) -> [String] {
        let calls = callbacks.filter { $0.site == place }
        let y = top + Double(row) * rowHeight
        var lines = [
            text(16, y + 14, place, "text"),
            text(16, y + 26, "\(calls.first?.name ?? ""), \(calls.count)×", "faint", #"font-size="10""#),
        ]
        var drawn = -1.0
        for call in calls {
            // Of a million, hardly one in a thousand has a place of its own in the picture.
            if call.duration <= slow, x(call.end) < drawn + 0.2 { continue }
            drawn = x(call.end)
            let late = call.late.map { $0 > 0 ? ", \(time($0)) late" : "" } ?? ""
            let isSlow = call.duration > slow
            let title = "\(call.name) (\(place)): \(time(call.duration))\(late)"
            lines.append(bar(isSlow ? "slow" : "call", call.begin, call.end, row: row, title))
            if isSlow {
                let isLeft = x(call.end) > width - 120
                let position = isLeft ? x(call.begin) - 4 : x(call.end) + 4
                let anchor = #"font-size="10" text-anchor="\#(isLeft ? "end" : "start")""#
                lines.append(text(position, y + 19, time(call.duration), "text", anchor))
            }
        }
        return lines
    }

    private func failures(to bottom: Double) -> [String] {
        trace.events.filter { $0.category == .failure }.map { failure in
            let position = number(x(failure.begin))
            return """
                <line class="failure" x1="\(position)" x2="\(position)" y1="\(Int(top))" y2="\(Int(bottom))">\
                <title>\(escaped(failure.name))</title></line>
                """
        }
    }

    /// At least so wide that it is seen.
    private func bar(_ style: String, _ begin: Double, _ end: Double, row: Int, _ title: String) -> String {
        """
        <rect class="\(style)" x="\(number(x(begin)))" y="\(Int(top + Double(row) * rowHeight + 5))" \
        width="\(number(max(x(end) - x(begin), 1)))" height="20"><title>\(escaped(title))</title></rect>
        """
    }

    private func text(
        _ x: Double,
        _ y: Double,
        _ text: String,
        _ style: String,
        _ attributes: String = ""
    ) -> String {
        #"<text class="\#(style)" x="\#(number(x))" y="\#(number(y))" \#(attributes)>\#(escaped(text))</text>"#
    }

    private func number(_ value: Double) -> String { String(format: "%.2f", value) }

    /// XML has no control characters, not even escaped.
    private func escaped(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 32 ? " " : $0 })).replacingOccurrences(
            of: "&",
            with: "&amp;"
        ).replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;")
    }

    /// From microseconds, as a person would say it.
    private func time(_ microseconds: Double) -> String {
        switch microseconds {
        case 1e6...: String(format: "%g s", (microseconds / 1e4).rounded() / 100)
        case 1e3...: String(format: "%g ms", (microseconds / 1e1).rounded() / 100)
        default: String(format: "%g µs", microseconds.rounded())
        }
    }
}
