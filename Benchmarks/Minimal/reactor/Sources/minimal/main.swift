import Reactor

let reactor = Reactor.shared
reactor.callLater(.milliseconds(1)) { try reactor.stop() }
try reactor.run()
