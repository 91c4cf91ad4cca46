// A callback that throws is reported on standard error, and the loop goes on.

import Console
import Reactor

struct Fall: Error, CustomStringConvertible {
    let description = "I fall down."
}

func fallDown() throws {
    throw Fall()
}

func getUp() throws {
    print("But I get up again.")
    try Reactor.shared.stop()
}

flushEachLine()
Reactor.shared.callWhenRunning(fallDown)
Reactor.shared.callWhenRunning(getUp)
print("Starting the reactor.")
try Reactor.shared.run()
