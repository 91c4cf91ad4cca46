import Foundation
import Testing

@testable import reactor_timeline

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// What a timeline file looks like when it is drawn.
@Suite struct TimelinesAreDrawn {
    private static let json = """
        [
        {"name":"thread_name","ph":"M","pid":1,"tid":1,"args":{"name":"reactor"}},
        {"name":"wait","cat":"wait","ph":"X","pid":1,"tid":1,"ts":0.000,"dur":100000.000,"args":{}},
        {"name":"a delayed call","cat":"callback","ph":"X","pid":1,"tid":1,"ts":100000.000,"dur":60000.000,\
        "args":{"site":"Main.swift:8","late":1500.000}},
        {"name":"failure","cat":"failure","ph":"i","s":"t","pid":1,"tid":1,"ts":160000.0,"args":{"error":"a < b"}},
        {"name":"a reader of descriptor 5","cat":"callback","ph":"X","pid":1,"tid":1,"ts":170000.000,"dur":30000.000,\
        "args":{"site":"Main.swift:9"}}
        ]
        """

    @Test func aBarForEachCallbackInTheRowOfItsPlace() throws {
        let svg = Drawing(trace: try Trace(json: Self.json), slow: 50_000).svg()
        #expect(svg.contains(">200 ms: 2 callbacks on one thread, asleep 50 %, 1 slower than 50 ms<"))
        #expect(svg.contains(">Main.swift:8<") && svg.contains(">Main.swift:9<"))
        let slow = try #require(svg.split(separator: "\n").first { $0.contains(#"<rect class="slow" x="593.00""#) })
        #expect(slow.contains(#"width="229.80""#))
        #expect(slow.contains("<title>a delayed call (Main.swift:8): 60 ms, 1.5 ms late</title>"))
        let calls = svg.split(separator: "\n").filter { $0.contains(#"<rect class="call""#) && $0.contains("<title>") }
        #expect(calls.count == 1)
        #expect(svg.contains("<title>asleep for 100 ms</title>"))
        #expect(svg.contains("<title>a &lt; b</title>"))
        #expect(XMLParser(data: Data(svg.utf8)).parse())
    }

    @Test func aFileThatBreaksOffIsAsGoodAsItGoes() throws {
        let lines = Self.json.split(separator: "\n")
        let broken = lines.prefix(4).joined(separator: "\n") + "\n" + lines[4].prefix(40)
        #expect(try Trace(json: broken).events.count == 2)
    }

    @Test func namesMayHaveAnyCharacters() throws {
        let name = #"a\u0001b\u000a<c>"# + "\u{2028}d\u{85}e"
        let trace = try Trace(json: Self.json.replacingOccurrences(of: "a delayed call", with: name))
        #expect(trace.events.count == 4)
        let svg = Drawing(trace: trace, slow: 50_000).svg()
        #expect(svg.contains("a b &lt;c&gt;\u{2028}d\u{85}e (Main.swift:8)"))
        #expect(XMLParser(data: Data(svg.utf8)).parse())
    }

    /// A file may have a million of them, and a slow one must not be lost among the others.
    @Test func ofManyCallbacksThoseAreDrawnThatCanBeToldApart() throws {
        let lines = (0..<20_000).map { number in
            let times = #""ts":\#(number * 10),"dur":\#(number == 10_000 ? 60_000 : 1)"#
            return #"{"name":"a","cat":"callback",\#(times),"args":{"site":"Main.swift:8"}}"#
        }
        let svg = Drawing(trace: try Trace(json: lines.joined(separator: "\n")), slow: 50_000).svg()
        let bars = svg.split(separator: "\n").filter { $0.contains("(Main.swift:8): ") }
        #expect((500..<5_000).contains(bars.count))
        #expect(bars.filter { $0.contains(#"class="slow""#) }.count == 1)
    }

    @Test func onlyAPartOfItCanBeDrawn() throws {
        let part = try Trace(json: Self.json).between(165_000, .infinity)
        #expect(part.events.map(\.site) == ["Main.swift:9"])
    }

    @Test func whatIsNoTimelineIsToldSo() {
        #expect(throws: TraceError.self) { try Trace(json: "hello") }
        #expect(throws: TraceError.self) { try Trace(json: "") }
        #expect(throws: TraceError.self) { try Trace(json: "[\n]") }
    }
}
