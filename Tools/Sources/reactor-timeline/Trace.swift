import Foundation

/// What a timeline file tells, in microseconds.
struct Trace {
    enum Category: String {
        case wait, callback, failure
    }

    struct Event {
        let name: String
        let category: Category
        let begin: Double
        let duration: Double
        /// Where the callback was registered.
        let site: String
        /// How late it was called.
        let late: Double?

        var end: Double { begin + duration }
    }

    let events: [Event]

    private struct Line: Decodable {
        struct Arguments: Decodable {
            let site: String?
            let late: Double?
            let error: String?
        }
        let name: String
        let cat: String?
        let ts: Double?
        let dur: Double?
        let args: Arguments?
    }

    /// Reads Chrome's trace format, as the reactor writes it: an event a line. A file that breaks off, as one of a program
    /// that still runs, is as good as it goes.
    init(json: String) throws {
        let decoder = JSONDecoder()
        var events: [Event] = []
        // Names may have line ends of other kinds in them.
        let lines = json.utf8.split(whereSeparator: { $0 == 10 || $0 == 13 }).map { String(Substring($0)) }
        for (number, line) in lines.enumerated() {
            let text = line.trimmingCharacters(in: CharacterSet(charactersIn: "[], "))
            guard !text.isEmpty else { continue }
            let decoded: Line
            do {
                decoded = try decoder.decode(Line.self, from: Data(text.utf8))
            } catch {
                if number == lines.count - 1, !events.isEmpty { break }
                throw TraceError.notATimeline(line: number + 1)
            }
            guard let category = decoded.cat.flatMap(Category.init), let begin = decoded.ts else { continue }
            events.append(
                Event(
                    name: category == .failure ? decoded.args?.error ?? decoded.name : decoded.name,
                    category: category,
                    begin: begin,
                    duration: decoded.dur ?? 0,
                    site: decoded.args?.site ?? "",
                    late: decoded.args?.late
                )
            )
        }
        guard !events.isEmpty else { throw TraceError.empty }
        self.events = events.sorted { $0.begin < $1.begin }
    }

    /// Those that are under way between two times.
    func between(_ begin: Double, _ end: Double) -> Trace {
        Trace(events: events.filter { $0.end >= begin && $0.begin <= end })
    }

    private init(events: [Event]) { self.events = events }
}

enum TraceError: Error, CustomStringConvertible {
    case notATimeline(line: Int)
    case empty

    var description: String {
        switch self {
        case .notATimeline(let line):
            "Line \(line) is no event; expected a file that REACTOR_TIMELINE or Timeline(path:) has made."
        case .empty: "There is nothing in this file; let the reactor run with REACTOR_TIMELINE first."
        }
    }
}
