/* The link from each device to each other's memory, as the unmodified runtime tells it:
 * `<from> <to> hops <n> type <t> distance <d>` with agents counted from 0. */
#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST 8

static struct { hsa_agent_t agent; hsa_amd_memory_pool_t pool; int has_pool; } gpus[MOST];
static int count;

static void must(hsa_status_t status, const char *what)
{
	const char *why = "?";

	if (status == HSA_STATUS_SUCCESS || status == HSA_STATUS_INFO_BREAK)
		return;
	hsa_status_string(status, &why);
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

static hsa_status_t on_pool(hsa_amd_memory_pool_t pool, void *of)
{
	hsa_amd_segment_t segment;

	must(hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_SEGMENT, &segment), "segment");
	if (segment != HSA_AMD_SEGMENT_GLOBAL)
		return HSA_STATUS_SUCCESS;
	gpus[*(int *)of].pool = pool;
	gpus[*(int *)of].has_pool = 1;
	return HSA_STATUS_INFO_BREAK;
}

static hsa_status_t on_agent(hsa_agent_t agent, void *unused)
{
	hsa_device_type_t type;

	(void)unused;
	must(hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &type), "device type");
	if (type != HSA_DEVICE_TYPE_GPU || count == MOST)
		return HSA_STATUS_SUCCESS;
	gpus[count].agent = agent;
	must(hsa_amd_agent_iterate_memory_pools(agent, on_pool, &count), "pools");
	count++;
	return HSA_STATUS_SUCCESS;
}

int main(void)
{
	must(hsa_init(), "hsa_init");
	must(hsa_iterate_agents(on_agent, NULL), "agents");
	for (int from = 0; from < count; from++) {
		for (int to = 0; to < count; to++) {
			hsa_amd_memory_pool_link_info_t links[4] = { 0 };
			uint32_t hops = 0;

			if (from == to || !gpus[to].has_pool)
				continue;
			must(hsa_amd_agent_memory_pool_get_info(gpus[from].agent, gpus[to].pool,
								HSA_AMD_AGENT_MEMORY_POOL_INFO_NUM_LINK_HOPS, &hops), "hops");
			if (hops > 4)
				return 1;
			must(hsa_amd_agent_memory_pool_get_info(gpus[from].agent, gpus[to].pool,
								HSA_AMD_AGENT_MEMORY_POOL_INFO_LINK_INFO, links), "links");
			printf("%d %d hops %u type %d distance %u\n", from, to, hops, (int)links[0].link_type,
			       links[0].numa_distance);
		}
	}
	must(hsa_shut_down(), "hsa_shut_down");
	return 0;
}
