// Counts down with a looping call, which asks for the next call by itself and keeps in step with its start.

import Console
import Reactor

var counter = 5

let countdown = LoopingCall { countdown in
    if counter == 0 { return countdown.stop() }
    print(counter, "...")
    counter -= 1
}

flushEachLine()
print("Start!")
try countdown.start(every: .seconds(1)) { _ in try? Reactor.shared.stop() }
try Reactor.shared.run()
print("Stop!")
