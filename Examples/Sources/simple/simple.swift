// The smallest program: it starts the reactor, says so, and waits for Ctrl-C.

import Console
import Reactor

flushEachLine()
Reactor.shared.callWhenRunning { print("The reactor is running on \(Reactor.shared.backend). Ctrl-C stops it.") }
try Reactor.shared.run()
print("The reactor has stopped.")
