// Invocations in one number: workgroups that do not fit into a row of the dispatch go on in the next.

const ROW_OF_INVOCATIONS = 32768u * 64u;

fn index_of(id: vec3u) -> u32 {
    return id.y * ROW_OF_INVOCATIONS + id.x;
}
