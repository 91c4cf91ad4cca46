// Who calls a callback? Prints the stack from inside of one: the program calls the reactor, and the reactor calls back.

import Console
import Reactor
import Runtime

func stack() throws {
    if #available(macOS 26, *), let stack = try Backtrace.capture().symbolicated() {
        for name in stack.frames.compactMap(\.symbol?.name) { print(name) }
    }
    try Reactor.shared.stop()
}

flushEachLine()
Reactor.shared.callWhenRunning(stack)
print("The stack, the last call first:")
try Reactor.shared.run()
