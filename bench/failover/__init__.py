"""What users lose when a service or a site dies, by how its traffic is moved away from it.

Real servers, real caching resolvers, real HTTP; a cell is one stack with one story, in network
namespaces of its own. Knows no more of dnsd's inside than its configuration files.
"""
