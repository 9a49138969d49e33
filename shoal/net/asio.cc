// What Asio and Beast have that is no template, compiled once: in each source that includes them it would
// take most of the compiler's time.

#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
