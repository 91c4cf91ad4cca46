// Chooses the backend, which has to be done before the reactor's first use.

import Console
import Reactor

flushEachLine()
try Reactor.install(.poll)
Reactor.shared.callWhenRunning { print("The reactor is running on \(Reactor.shared.backend). Ctrl-C stops it.") }
try Reactor.shared.run()
print("The reactor has stopped.")
