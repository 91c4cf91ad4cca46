// Says hello from inside the loop. Then there is nothing left to do, and the loop waits, without using the processor.

import Console
import Reactor

func hello() {
    print("Hello from the reactor loop!")
    print("Lately I feel like I'm stuck in a rut.")
}

flushEachLine()
Reactor.shared.callWhenRunning(hello)
print("Starting the reactor.")
try Reactor.shared.run()
