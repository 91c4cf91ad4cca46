// Three callbacks: one throws deep inside, one holds the loop for too long, one is fine. What is needed to mend the first
// two is on the screen: what failed, from where, who asked for it; and who was slow, and made whom late.
//
// With REACTOR_TIMELINE=trouble.json it also leaves a picture of that; with REACTOR_TRACEBACK=full all frames are shown.

import Console
import Reactor

struct NoSuchPage: Error, CustomStringConvertible {
    let page: Int
    var description: String { "There is no page \(page)." }
}

struct Book {
    let pages: [String]

    func page(_ number: Int) throws -> String {
        guard pages.indices.contains(number) else { throw NoSuchPage(page: number) }
        return pages[number]
    }
}

func readAloud(_ book: Book) throws {
    for number in 0...book.pages.count {
        print("Page \(number): \(try book.page(number))")
    }
}

func countSlowly() {
    var steps = 0
    let end = Reactor.shared.now.advanced(by: .milliseconds(120))
    while Reactor.shared.now < end { steps += 1 }
    print("Counted as far as I could.")
}

func sayGoodbye() throws {
    print("Goodbye.")
    try Reactor.shared.stop()
}

flushEachLine()
Reactor.shared.slowCallbackThreshold = .milliseconds(50)
let book = Book(pages: ["Once upon a time", "they lived happily ever after."])
Reactor.shared.callLater(.milliseconds(10)) { try readAloud(book) }
Reactor.shared.callLater(.milliseconds(20), countSlowly)
Reactor.shared.callLater(.milliseconds(60), sayGoodbye)
try Reactor.shared.run()
