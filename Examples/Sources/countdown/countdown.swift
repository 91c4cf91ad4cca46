// Counts down, a second apart: each call asks for the next one.

import Console
import Reactor

final class Countdown {
    var counter = 5

    func count() throws {
        if counter == 0 { return try Reactor.shared.stop() }
        print(counter, "...")
        counter -= 1
        Reactor.shared.callLater(.seconds(1), count)
    }
}

flushEachLine()
Reactor.shared.callWhenRunning(Countdown().count)
print("Start!")
try Reactor.shared.run()
print("Stop!")
